"""Against which public code was each variant held? (``python -m baselines.conformance CODE=FOLDER...``)

A check takes the networks of somebody else's published code, copies their weights into ours, gives both the same input, and notes how far
the outputs are apart. The code is read from the user's own checkout and no part of it is kept here: the repository has only the results,
``reports/conformance/results.csv``, which the page of the variants shows.
"""
