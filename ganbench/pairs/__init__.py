"""What is computed from all pairs of examples? (distances, neighbours, kernels)"""
