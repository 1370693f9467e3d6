"""Where else do the events of runs go? (TensorBoard, Weights & Biases, MLflow, a class of the user's own)"""
