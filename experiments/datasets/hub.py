"""Pictures from the Hugging Face package ``datasets``, by name or from a folder that it has saved."""

from pathlib import Path

import numpy as np

from experiments.datasets import folders, pictures, stored, told
from experiments.datasets.dataset import Dataset
from experiments.datasets.examples import Examples
from experiments.errors import UsageError, nearest

EXTRA = "pip install 'flowmap-taxonomy[huggingface]'"
# Files that ``save_to_disk`` writes.
SAVED = ("dataset_dict.json", "state.json")
LOOKED_AT = 64  # pictures of a split that are decoded to find out whether it has colours


def huggingface(
    name: str,
    *,
    config: str = "",
    split: str = "train",
    test: str = "",
    image: str = "image",
    label: str = "",
    side: int | None = None,
    crop: int | None = None,
    filter: str = "box",
) -> Dataset:
    """A data set of pictures by its name at huggingface.co, or in a folder written by ``save_to_disk``.

    Args:
      name: such as cifar10, or a folder.
      config: which configuration of the data set, if it has several.
      split: the split to train on.
      test: the split that is held out; "test" if there is one, otherwise a fixed tenth of the examples.
      image: the column of the pictures.
      label: the column of the classes; "label" if there is one.
      side, crop, filter: as of ``folders.images``.

    Returns:
      the data set; pictures are as a viewer shows them, see ``pictures``, and decoded when they are asked for. They
      have three channels if any of the first ``LOOKED_AT`` has, otherwise one.

    Raises:
      UsageError: if the package is not there, the data set cannot be loaded, has no such split or column, or its
        pictures are unlike each other.
    """
    form = pictures.Form(side, crop, filter)
    form.check()
    splits = _load(name, config)
    for option, asked in (("split", split), ("test", test)):
        if asked and asked not in splits:
            raise UsageError(f"huggingface:{name} has no {option}={asked}; {nearest(asked, splits)}")
    columns = splits[split].column_names
    for option, asked in (("image", image), ("label", label)):
        if asked and asked not in columns:
            raise UsageError(f"huggingface:{name} has no column {option}={asked}; {nearest(asked, columns)}")
    label = label or ("label" if "label" in columns else "")
    test = test or ("test" if "test" in splits and split != "test" else "")
    first = _picture(splits[split][0][image], f"huggingface:{name}, column {image}")
    shown = pictures.header(first, f"huggingface:{name}")
    channels = max(
        pictures.channels_of(_picture(splits[split][number][image], name).mode, f"picture {number} of {name}")
        for number in range(min(LOOKED_AT, len(splits[split])))
    )
    size = (*form.size(shown.width, shown.height, f"picture 0 of {name}"), channels)
    feature = splits[split].features[label] if label else None
    classes = getattr(feature, "num_classes", None)
    parts = [
        _examples(f"huggingface:{name}, split {part}", splits[part], image, label, form, size)
        for part in (split, test)
        if part
    ]
    dataset = stored.dataset(Path(name).name, *parts, size=size, classes=classes)
    folders.check_bright(dataset, f"huggingface:{name}")
    said = told.contents(
        dataset, parts[0], parts[1] if test else None, kind="pictures", names=getattr(feature, "names", None)
    )
    from_columns = f"pictures of column {image}" + (f", classes of column {label}" if label else "")
    others = sorted(set(splits) - {split, test})
    return dataset._replace(told=(said, from_columns, *([f"left out: split {', '.join(others)}"] if others else [])))


def _load(name: str, config: str) -> dict[str, object]:
    """The splits of a data set by their names; one that is saved without splits is "train"."""
    try:
        import datasets as package
    except ImportError as error:
        raise UsageError(f"huggingface:{name} needs the package datasets: {EXTRA}") from error
    try:
        if any((Path(name) / file).is_file() for file in SAVED):
            found = package.load_from_disk(name)
        else:
            found = package.load_dataset(name, config or None)
    except Exception as error:  # of the network, the hub, or the data set
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(
            f"huggingface:{name} cannot be loaded ({reason}); is its name right, and is there a network?"
        ) from error
    return dict(found) if isinstance(found, dict) else {"train": found}


def _picture(found: object, what: str) -> object:
    if not hasattr(found, "convert"):
        raise UsageError(f"{what} holds {type(found).__name__}; expected pictures: give image=COLUMN")
    return found


def _examples(
    what: str, split: object, image: str, label: str, form: pictures.Form, size: tuple[int, int, int]
) -> Examples:
    def read(number: int) -> np.ndarray:
        name = f"{what}: picture {number}"
        try:
            picture = _picture(split[number][image], name)
            if pictures.channels_of(picture.mode, name) > size[2]:
                raise UsageError(f"{name} has colours, and the first {LOOKED_AT} are grey; expected all alike")
            found = pictures.to_array(picture, form, size[2], name)
        except UsageError:
            raise
        except Exception as error:  # a damaged picture may raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UsageError(f"{name} cannot be read ({reason}); mend the data") from error
        if found.shape != size:
            raise UsageError(f"{name} is {found.shape}, the first is {size}; expected one size: give side=64 or so")
        return found

    classes = np.asarray(split.select_columns([label])[:][label]) if label else None
    return Examples(what, stored.Decoded(read, len(split), size), classes)
