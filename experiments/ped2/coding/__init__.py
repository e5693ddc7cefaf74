"""Dense predictive coding on pixels: what moves faster than the coder expects surprises."""
