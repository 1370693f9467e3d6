"""Which loader does a data set need?"""

from pathlib import Path

from ganbench.data.dataset import Dataset
from ganbench.data.files import content_hash, files
from ganbench.errors import DataError
from ganbench.registry import DATASETS
from ganbench.spec import DatasetSpec


def load_dataset(spec: DatasetSpec, root: Path) -> Dataset:
    """Loads real data.

    Args:
        spec: Registered name, or a folder, zip or npz of the user's own.
        root: Where registered data sets lie or are downloaded to.

    Raises:
        DataError: One line that names what cannot be used, and the remedy.
        UnknownName: Nobody registered the name.
    """
    if spec.path is None:
        dataset: Dataset = DATASETS.load(spec.name)(spec, root)
        return dataset
    if spec.content is not None and content_hash(Path(spec.path)) != spec.content:
        raise DataError(
            f"{spec.path}: has changed since this run was planned; run the suite again, which gives the changed data runs of their own"
        )
    return files(spec, root)
