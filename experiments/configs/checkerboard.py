from ml_collections import ConfigDict
from experiments import settings
def get_config(variant=None):
    objective, setting = settings.parse_variant(variant, settings=settings.SETTINGS)
    config = settings.base(objective)
    config.dataset = "checkerboard"
    config.network.point_features = 4
    config.network.point_base = 0.906899682
    config.network.time_features = 2
    config.training.steps = 200
    config.training.optimizer = "muon"
    config.training.learning_rate = 1e-2
    return config
