# SPDX-License-Identifier: Apache-2.0
"""Trains every example model with its real framework and records that framework's own predictions beside it.

Run:  python3 -m venv VENV && VENV/bin/pip install -r requirements.txt && VENV/bin/python train.py
Writes examples/models/<name>/ and examples/models/recorded/<name>.json (used by the examples) and packages/runtimes/src/*/testdata/ (variants for engine tests).
The data sets are those that scikit-learn ships: iris, wine, breast cancer, diabetes, digits.
"""
import json
import pickle
from pathlib import Path

import joblib
import numpy as np
import sklearn
import xgboost as xgb
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = Path(__file__).parent
TESTDATA = HERE.parent.parent / "packages" / "runtimes" / "src"
ROWS = 24


def listed(array):
    """Nested lists with None for NaN, floats in full precision."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return [listed(row) for row in array] if array.ndim > 1 else [None if np.isnan(v) else float(v) for v in array]
    return array.tolist()


def record(folder, inputs, results, framework, version):
    # Not in the model's own folder: KServe's servers allow one model file there, and .json is an XGBoost ending.
    recorded = folder.parent / "recorded"
    recorded.mkdir(parents=True, exist_ok=True)
    body = {"framework": framework, "version": version, "inputs": listed(inputs), **{k: listed(v) for k, v in results.items()}}
    (recorded / f"{folder.name}.json").write_text(json.dumps(body) + "\n")


def sample(data, seed=0):
    return data[np.random.RandomState(seed).permutation(len(data))[:ROWS]]


def save_sklearn(folder, model, data, write):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)
    rows = sample(data)
    results = {"predictions": model.predict(rows)}
    if hasattr(model, "predict_proba") and model.__class__ is not SVC:
        results["probabilities"] = model.predict_proba(rows)
    record(folder, rows, results, "scikit-learn", sklearn.__version__)


def sklearn_models():
    iris, wine, cancer, diabetes, digits = (f() for f in (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_digits))
    examples, variants = HERE, TESTDATA / "sklearn" / "testdata"
    holes = cancer.data.copy()
    holes[np.random.RandomState(3).rand(*holes.shape) < 0.15] = np.nan

    def dump(model, name="model.joblib", **options):
        return lambda folder: joblib.dump(model, folder / name, **options)

    def dump_pickle(model, protocol, name="model.pkl"):
        return lambda folder: (folder / name).write_bytes(pickle.dumps(model, protocol=protocol))

    def go(base, name, model, data, target, make=dump, *args, **options):
        model.fit(data, target)
        save_sklearn(base / name, model, data, make(model, *args, **options))

    go(examples, "iris-svc", SVC(gamma="scale"), iris.data, iris.target)
    go(examples, "wine-forest", make_pipeline(StandardScaler(), RandomForestClassifier(40, max_depth=6, random_state=0)), wine.data, wine.target, dump, compress=3)
    go(examples, "cancer-logistic", Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=500))]), cancer.data, cancer.target)
    go(examples, "diabetes-ridge", make_pipeline(MinMaxScaler(), Ridge(0.5)), diabetes.data, diabetes.target, dump_pickle, 5)

    names = np.array(["setosa", "versicolor", "virginica"])[iris.target]
    go(variants, "linear-protocol2", LinearRegression(), diabetes.data, diabetes.target, dump_pickle, 2)
    go(variants, "linear-two-outputs", LinearRegression(), diabetes.data, np.c_[diabetes.target, -2 * diabetes.target + diabetes.data[:, 0]], dump_pickle, 3)
    go(variants, "logistic-multinomial-names", LogisticRegression(max_iter=500), iris.data, names, dump_pickle, 4)
    go(variants, "logistic-liblinear", LogisticRegression(solver="liblinear"), cancer.data[:, :8], cancer.target, dump)
    go(variants, "svc-linear-binary", make_pipeline(StandardScaler(), SVC(kernel="linear")), cancer.data[:, :6], cancer.target, dump)
    go(variants, "svc-poly-names", SVC(kernel="poly", degree=2, coef0=1.0), iris.data, names, dump_pickle, 5)
    go(variants, "svc-sigmoid", make_pipeline(StandardScaler(), SVC(kernel="sigmoid", C=0.5)), wine.data, wine.target, dump)
    go(variants, "svr-rbf", SVR(C=50.0), diabetes.data[:150], diabetes.target[:150], dump)
    go(variants, "tree-classifier-digits", DecisionTreeClassifier(max_depth=8, random_state=0), digits.data, digits.target, dump, compress=("zlib", 6))
    go(variants, "tree-missing", DecisionTreeClassifier(max_depth=6, random_state=0), holes, cancer.target, dump)
    go(variants, "tree-regressor", DecisionTreeRegressor(max_depth=5, random_state=0), diabetes.data, diabetes.target, dump_pickle, 2)
    go(variants, "forest-regressor-gzip", RandomForestRegressor(12, max_depth=5, random_state=0), diabetes.data, diabetes.target, dump, compress=("gzip", 6))
    go(variants, "forest-missing", RandomForestClassifier(10, max_depth=5, random_state=0), holes, cancer.target, dump, compress=("gzip", 6))
    go(variants, "minmax-clip-tree", make_pipeline(MinMaxScaler((-1, 1), clip=True), DecisionTreeRegressor(max_depth=4, random_state=1)), diabetes.data, diabetes.target, dump)
    lz4 = variants / "refused-lz4"
    lz4.mkdir(parents=True, exist_ok=True)
    joblib.dump(LinearRegression().fit(diabetes.data, diabetes.target), lz4 / "model.joblib", compress="lz4")
    other = variants / "refused-knn"
    other.mkdir(parents=True, exist_ok=True)
    from sklearn.neighbors import KNeighborsClassifier
    joblib.dump(KNeighborsClassifier().fit(iris.data, iris.target), other / "model.joblib", compress=3)


def save_xgboost(folder, params, data, target, rounds, name, feature_types=None):
    folder.mkdir(parents=True, exist_ok=True)
    matrix = xgb.DMatrix(data, target, feature_types=feature_types, enable_categorical=feature_types is not None)
    booster = xgb.train({"seed": 1, "nthread": 1, **params}, matrix, rounds)
    booster.save_model(folder / name)
    rows = sample(data)
    test = xgb.DMatrix(rows, feature_types=feature_types, enable_categorical=feature_types is not None)
    record(folder, rows, {"predictions": booster.predict(test), "margins": booster.predict(test, output_margin=True)}, "xgboost", xgb.__version__)


def xgboost_models():
    iris, wine, cancer, diabetes = (f() for f in (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes))
    rng = np.random.RandomState(3)
    holes = cancer.data.copy()
    holes[rng.rand(*holes.shape) < 0.2] = np.nan
    save_xgboost(HERE / "cancer-xgboost", {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2}, cancer.data, cancer.target, 100, "model.json")
    save_xgboost(HERE / "wine-xgboost", {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, wine.data, wine.target, 30, "model.ubj")
    save_xgboost(HERE / "diabetes-xgboost", {"objective": "reg:squarederror", "max_depth": 3}, diabetes.data, diabetes.target, 60, "model.ubj")
    save_xgboost(HERE / "cancer-missing-xgboost", {"objective": "binary:logistic", "max_depth": 4}, holes, cancer.target, 40, "model.ubj")

    base = TESTDATA / "xgboost" / "testdata"
    small = {"max_depth": 3}
    positive = diabetes.target / 50
    cases = {
        "softmax": ({"objective": "multi:softmax", "num_class": 3}, iris.data, iris.target),
        "logitraw": ({"objective": "binary:logitraw"}, cancer.data, cancer.target),
        "hinge": ({"objective": "binary:hinge"}, cancer.data, cancer.target),
        "reg-logistic": ({"objective": "reg:logistic"}, cancer.data, cancer.target),
        "poisson": ({"objective": "count:poisson"}, diabetes.data, np.floor(positive)),
        "gamma": ({"objective": "reg:gamma"}, diabetes.data, positive),
        "tweedie": ({"objective": "reg:tweedie"}, diabetes.data, positive),
        "absolute": ({"objective": "reg:absoluteerror"}, diabetes.data, diabetes.target),
        "squaredlog": ({"objective": "reg:squaredlogerror"}, diabetes.data, positive),
        "pseudohuber": ({"objective": "reg:pseudohubererror"}, diabetes.data, positive),
        "dart": ({"booster": "dart", "rate_drop": 0.3, "objective": "reg:squarederror"}, diabetes.data, diabetes.target),
        "forest": ({"num_parallel_tree": 4, "subsample": 0.6, "objective": "binary:logistic"}, holes, cancer.target),
        "base-score": ({"objective": "binary:logistic", "base_score": 0.3}, cancer.data, cancer.target),
        "linear": ({"booster": "gblinear", "objective": "reg:squarederror"}, diabetes.data, diabetes.target),
        "two-targets": ({"objective": "reg:squarederror"}, diabetes.data, np.c_[diabetes.target, diabetes.target * 2 + 1]),
    }
    for name, (params, data, target) in cases.items():
        save_xgboost(base / name, {**small, **params}, data, target, 8, "model.json" if len(name) % 2 else "model.ubj")
    categories = np.c_[rng.randint(0, 9, 442).astype(float), diabetes.data[:, :3]]
    categories[rng.rand(442) < 0.1, 0] = np.nan
    bumps = np.array([3, -2, 8, 0, 5, -7, 1, 9, -4, 0])[np.nan_to_num(categories[:, 0], nan=9).astype(int)] * 20
    save_xgboost(base / "categorical", {**small, "max_cat_to_onehot": 2}, categories, diabetes.target + bumps, 10, "model.json", ["c", "q", "q", "q"])
    save_xgboost(base / "categorical-onehot", {**small, "max_cat_to_onehot": 20}, categories, diabetes.target + bumps, 10, "model.ubj", ["c", "q", "q", "q"])


def onnx_models():
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier
    iris = datasets.load_iris()
    model = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=2000, random_state=0)).fit(iris.data, iris.target)
    exported = to_onnx(model, iris.data[:1].astype(np.float32), options={id(model): {"zipmap": False}}, target_opset=17)
    folder = HERE / "iris-onnx"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(exported.SerializeToString())
    rows = sample(iris.data).astype(np.float32)
    label, probabilities = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"X": rows})
    record(folder, rows, {"predictions": label, "probabilities": probabilities}, "onnxruntime", onnxruntime.__version__)


if __name__ == "__main__":
    sklearn_models()
    xgboost_models()
    onnx_models()
