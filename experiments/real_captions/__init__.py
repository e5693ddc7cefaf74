"""Real captions: the shipped catalog judges what others' VLMs wrote about the UCF-Crime test set.

`bench` reads and remembers, `rows` names what is compared with what, `report` makes the page, `runs` tells
MLflow, `assets` is the chapter of the graph. What is measured are the captions of the product, with the
product's settings; what is varied stands in params.yaml.
"""
