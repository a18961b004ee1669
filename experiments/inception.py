"""Converts the public weights of the Inception-v3 network, by whose features FID compares images.

    python -m experiments.inception --convert=pt_inception-2015-12-05-6726825d.pth --out=inception.npz

FID is defined by one network with one set of weights, released in 2015 for TensorFlow. The project carries no copy of
them: download the file that the PyTorch port (mseitzer/pytorch-fid) publishes, convert it once, and name the result by
``--config.evaluation.inception=inception.npz``. Only the conversion needs the package torch.
"""

from absl import flags

from experiments import flags as command_flags
from experiments.images import inception_weights
from experiments.images.inception import shapes

if __name__ == "__main__":
    CONVERT = flags.DEFINE_string("convert", None, f"the file of weights, {inception_weights.SOURCE}")
    OUT = flags.DEFINE_string("out", None, "the .npz to write")

    def main() -> None:
        """Runs the command."""
        digest = inception_weights.convert(command_flags.path(CONVERT), command_flags.path(OUT), shapes())
        print(f"written: {OUT.value}, sha256 of its arrays {digest}")

    command_flags.run(main, required=("convert", "out"))
