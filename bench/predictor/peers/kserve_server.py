# SPDX-License-Identifier: Apache-2.0
"""KServe's own Python ModelServer (package `kserve`) around the model, predicting as its sklearnserver and xgbserver do.

Those two servers are not on PyPI; this is their predict step on the same base class and helper functions.
"""
import argparse
import sys

import joblib
import xgboost as xgb
from kserve import Model, ModelServer, model_server
from kserve.utils.utils import get_predict_input, get_predict_response


class Bench(Model):
    def __init__(self, name, framework, path):
        super().__init__(name)
        self.framework = framework
        self.model = xgb.Booster(params={"nthread": 1}, model_file=path) if framework == "xgboost" else joblib.load(path)
        self.ready = True

    def predict(self, payload, headers=None):
        instances = get_predict_input(payload)
        result = self.model.predict(xgb.DMatrix(instances, nthread=1)) if self.framework == "xgboost" else self.model.predict(instances)
        return get_predict_response(payload, result, self.name)


if __name__ == "__main__":
    framework, path = sys.argv[1:3]
    parser = argparse.ArgumentParser(parents=[model_server.parser], conflict_handler="resolve")
    args, _ = parser.parse_known_args(sys.argv[3:])
    ModelServer().start([Bench(args.model_name, framework, path)])
