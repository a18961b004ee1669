"""Generated images."""

import numpy as np

from experiments import datasets


def test_generated_images_are_smooth_and_tell_their_classes():
    dataset = datasets.load("generated:16x16x3,classes=4,count=200")
    truth = dataset.truth
    assert (dataset.name, dataset.classes, dataset.exact_flow) == ("generated:16x16x3", 4, None)
    assert (truth.train.shape, truth.test.shape, truth.size) == ((180, 768), (20, 768), (16, 16, 3))
    fields = truth.train.reshape(-1, 16, 16, 3)
    # A Gaussian filter of width w makes neighbours alike: their correlation is exp(-1 / (4 w^2)), here 0.907.
    centred = (
        fields
        - np.stack([fields[truth.train_labels == k].mean() for k in range(4)])[truth.train_labels][:, None, None, None]
    )
    for axis in (1, 2):
        found = np.mean(centred * np.roll(centred, 1, axis)) / np.mean(centred**2)
        np.testing.assert_allclose(found, np.exp(-1 / (4 * 1.6**2)), atol=0.02)
    means = [fields[truth.train_labels == k].mean() for k in range(4)]
    np.testing.assert_allclose(means, [-0.375, -0.125, 0.125, 0.375], atol=0.06)
    latents = datasets.load("generated:4x4x4")
    assert latents.truth.size == (4, 4, 4)
    assert latents.records.array.dtype == np.float32
    assert latents.classes == 0
