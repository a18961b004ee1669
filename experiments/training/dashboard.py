"""Weights & Biases beside TensorBoard: ``--config.training.wandb=PROJECT`` sends it the same numbers.

The package is an extra, ``pip install 'flowmap-taxonomy[wandb]'``. Where the network is missing, ``WANDB_MODE=offline``
keeps everything in the run's folder, for ``wandb sync`` later.
"""

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from experiments.errors import UsageError
from experiments.training import records

OPTION = "--config.training.wandb"
WITHOUT_NETWORK = ("offline", "disabled", "dryrun")  # values of WANDB_MODE


def check(config: ConfigDict) -> None:
    """UsageError, before anything is written, if Weights & Biases is asked for and cannot be used here."""
    project = config.training.wandb
    if not project:
        return
    spec = importlib.util.find_spec("wandb")
    if spec is None or spec.origin is None:  # a folder wandb of some run is no package
        raise UsageError(
            f"{OPTION}={project} needs the package wandb, which is not installed; pip install "
            "'flowmap-taxonomy[wandb]', or drop the option"
        )
    if os.environ.get("WANDB_MODE") in WITHOUT_NETWORK:
        return
    import wandb

    try:
        reason = "" if wandb.login(prompt=False) else "there is no key on this machine"
    except Exception as error:  # it raises many kinds
        reason = _reason(error)
    if reason:
        raise UsageError(
            f"{OPTION}={project}: Weights & Biases cannot be reached ({reason}); run wandb login, or set "
            "WANDB_MODE=offline to keep the numbers here"
        )


def opened(config: ConfigDict, workdir: Path) -> Any:
    """Begins or continues a run's entry at Weights & Biases.

    Args:
      config: the configuration.
      workdir: the run's folder, which holds its record; files are written into its folder ``wandb``.

    Returns:
      an object with ``log(numbers, step=...)`` and ``finish()``; None if the configuration names no project.

    Raises:
      UsageError: if it does not begin.
    """
    if not config.training.wandb:
        return None
    import wandb

    folder = workdir.absolute()
    # The same for each start of one run, another for one that is trained again in its folder.
    began = next(iter(records.read(workdir).get("starts", [])), {}).get("time", "")
    try:
        return wandb.init(
            project=config.training.wandb,
            dir=str(folder),
            name="/".join(folder.parts[-2:]),
            id=hashlib.sha256(f"{folder} {began}".encode()).hexdigest()[:12],
            resume="allow",
            config=config.to_dict(),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )
    except Exception as error:  # it raises many kinds
        raise UsageError(
            f"{OPTION}={config.training.wandb} does not begin ({_reason(error)}); mend that or "
            "set WANDB_MODE=offline, and start the same command again"
        ) from error


def _reason(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
