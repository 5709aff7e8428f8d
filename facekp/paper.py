"""``make paper``: everything that the paper ran, in the order in which a reader meets it."""
EXPERIMENTS = ("lenet", "lenet-augmented", "optimizer-study", "dropout-ablation", "cnn14", "vggnet")
"""Cheap ones first: what is wrong shows early. cnn14's runs are partly dropout-ablation's."""
