"""UCSD Ped2: learned from its normal training clips, judged on its test clips; two streams, three seeds.

`dataset` says where the clips lie, `foreground` and `coding` what each stream makes of them, `results` reads
the labels, `report` makes the page, `assets` the chapter of the graph.
"""
