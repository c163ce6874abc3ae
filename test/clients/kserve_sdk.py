# SPDX-License-Identifier: Apache-2.0
"""KServe's own Python SDK, unmodified, as its users call it. Each step that passed is one line of output.

Reads one JSON object from its first argument: kubeconfig, namespace, storageUri, gateway ("host:port", or null where no
pod answers requests). Ends with the first step that fails, as a Python program does.
"""

import json
import os
import sys
import tempfile
import time

from kubernetes import client, config
from kubernetes.client import V1ObjectMeta, V1ResourceRequirements
from kserve import (
    KServeClient,
    V1alpha1InferenceGraph,
    V1alpha1InferenceGraphSpec,
    V1alpha1InferenceRouter,
    V1alpha1InferenceStep,
    V1alpha1ModelSpec,
    V1alpha1TrainedModel,
    V1alpha1TrainedModelSpec,
    V1beta1InferenceService,
    V1beta1InferenceServiceSpec,
    V1beta1ModelFormat,
    V1beta1ModelSpec,
    V1beta1PredictorSpec,
    V1beta1SKLearnSpec,
)

given = json.loads(sys.argv[1])
namespace = given["namespace"]
kserve = KServeClient(config_file=given["kubeconfig"])
config.load_kube_config(config_file=given["kubeconfig"])
core = client.CoreV1Api()


def step(name):
    print(name, flush=True)


def again(call):
    """The SDK passes on what any API server answers now and then: 409 when somebody wrote between its GET and its PUT,
    504 while a watch cache is a moment behind. A user tries again."""
    for attempt in range(5):
        try:
            return call()
        except (RuntimeError, client.ApiException) as error:
            if attempt == 4 or not any(code in str(error) for code in ("(409)", "(504)")):
                raise
            time.sleep(0.5)


def service(name, predictor, annotations=None):
    return V1beta1InferenceService(
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata=V1ObjectMeta(name=name, namespace=namespace, annotations=annotations),
        spec=V1beta1InferenceServiceSpec(predictor=predictor),
    )


def model(uri, **more):
    return V1beta1PredictorSpec(
        model=V1beta1ModelSpec(model_format=V1beta1ModelFormat(name="sklearn"), storage_uri=uri), **more
    )


def watched():
    """Beside an etcd before 3.4.25, which cannot be asked how far it is, a kube-apiserver's cache of one kind is only as
    new as the last change of that kind; a watch without a version waits for a newer one and gives up with 504."""
    touch = {"metadata": {"annotations": {"touched": str(time.time())}}}
    client.CustomObjectsApi().patch_namespaced_custom_object(
        "serving.kserve.io", "v1beta1", namespace, "inferenceservices", "sdk-iris", touch
    )
    kserve.get("sdk-iris", namespace=namespace, watch=True, timeout_seconds=30)


def inference_services():
    created = kserve.create(service("sdk-iris", model(given["storageUri"])))
    assert created["spec"]["predictor"]["model"]["modelFormat"]["name"] == "sklearn", created
    step("create")

    # The SDK sends "name": "" inside a framework's own field.
    old = V1beta1PredictorSpec(sklearn=V1beta1SKLearnSpec(storage_uri=given["storageUri"], resources=V1ResourceRequirements(requests={"cpu": "50m"})))
    kserve.create(service("sdk-framework", old))
    kserve.delete("sdk-framework", namespace)
    step("create with a framework's field")

    kserve.wait_isvc_ready("sdk-iris", namespace=namespace, timeout_seconds=60, polling_interval=1)
    ready = kserve.get("sdk-iris", namespace=namespace)
    assert kserve.is_isvc_ready("sdk-iris", namespace=namespace)
    assert ready["status"]["observedGeneration"] == ready["metadata"]["generation"], ready["status"]
    for target in ready["status"]["components"]["predictor"].get("traffic", []):
        assert "latestRevision" in target, target
    step("wait_isvc_ready")

    if given["gateway"] is not None:
        kserve.wait_model_ready(
            "sdk-iris", "sdk-iris", isvc_namespace=namespace, cluster_ip=given["gateway"],
            protocol_version="v1", timeout_seconds=30, polling_interval=1,
        )
        step("wait_model_ready")

    kserve.patch("sdk-iris", service("sdk-iris", model(given["storageUri"], max_replicas=2)), namespace=namespace)
    assert kserve.get("sdk-iris", namespace=namespace)["spec"]["predictor"]["maxReplicas"] == 2
    step("patch")

    # A new object each time: the SDK writes the version that it read into it.
    again(
        lambda: kserve.replace(
            "sdk-iris", service("sdk-iris", model(given["storageUri"], max_replicas=3)), namespace=namespace
        )
    )
    replaced = kserve.get("sdk-iris", namespace=namespace)
    assert replaced["spec"]["predictor"]["maxReplicas"] == 3
    step("replace")

    kserve.wait_isvc_ready(
        "sdk-iris", namespace=namespace, timeout_seconds=60, polling_interval=1,
        expected_generation=replaced["metadata"]["generation"],
    )
    step("wait_isvc_ready with expected_generation")

    # Prints a table and returns once the service is ready.
    again(watched)
    step("watch")

    names = [item["metadata"]["name"] for item in kserve.get(namespace=namespace)["items"]]
    assert "sdk-iris" in names, names
    step("list")

    try:
        kserve.create(service("sdk-broken", model(given["storageUri"], min_replicas=3, max_replicas=1)))
        raise AssertionError("a spec that KServe refuses was accepted")
    except RuntimeError as refusal:
        assert "MinReplicas" in str(refusal) or "minReplicas" in str(refusal), refusal
    step("a refusal carries its reason")

    try:
        kserve.get("sdk-nobody", namespace=namespace)
        raise AssertionError("an absent service was found")
    except RuntimeError as refusal:
        assert "not found" in str(refusal), refusal
    step("an absent service is a 404")


def trained_models():
    spec = V1alpha1TrainedModelSpec(
        inference_service="sdk-iris",
        model=V1alpha1ModelSpec(framework="sklearn", memory="64Mi", storage_uri="s3://models/trained"),
    )
    trained = V1alpha1TrainedModel(
        api_version="serving.kserve.io/v1alpha1", kind="TrainedModel",
        metadata=V1ObjectMeta(name="sdk-trained", namespace=namespace), spec=spec,
    )
    kserve.create_trained_model(trained, namespace)
    kserve.delete_trained_model("sdk-trained", namespace)
    step("create_trained_model, delete_trained_model")


def inference_graphs():
    steps = [V1alpha1InferenceStep(service_name="sdk-iris")]
    spec = V1alpha1InferenceGraphSpec(nodes={"root": V1alpha1InferenceRouter(router_type="Sequence", steps=steps)})
    graph = V1alpha1InferenceGraph(
        api_version="serving.kserve.io/v1alpha1", kind="InferenceGraph",
        metadata=V1ObjectMeta(name="sdk-graph", namespace=namespace), spec=spec,
    )
    kserve.create_inference_graph(graph, namespace=namespace)
    assert kserve.get_inference_graph("sdk-graph", namespace=namespace)["spec"]["nodes"]["root"]["routerType"] == "Sequence"
    if given["graphsRun"]:
        kserve.wait_ig_ready("sdk-graph", namespace=namespace, timeout_seconds=60, polling_interval=1)
        assert kserve.is_ig_ready("sdk-graph", namespace=namespace)
        step("wait_ig_ready")
    kserve.delete_inference_graph("sdk-graph", namespace=namespace)
    step("create_inference_graph, get_inference_graph, delete_inference_graph")


def credentials():
    with tempfile.TemporaryDirectory() as folder:
        gcs = os.path.join(folder, "gcs.json")
        with open(gcs, "w") as file:
            file.write('{"type": "service_account", "project_id": "test"}')
        kserve.set_credentials("gcs", namespace=namespace, credentials_file=gcs, service_account="sdk-reader")
    account = core.read_namespaced_service_account("sdk-reader", namespace)
    assert len(account.secrets) == 1 and account.secrets[0].name.startswith("kserve-secret-"), account.secrets
    secret = core.read_namespaced_secret(account.secrets[0].name, namespace)
    assert list(secret.data) == ["gcloud-application-credentials.json"], secret.data
    step("set_credentials")


def deletion():
    from kubernetes import watch

    services = client.CustomObjectsApi()
    collection = ("serving.kserve.io", "v1beta1", namespace, "inferenceservices")
    version = services.list_namespaced_custom_object(*collection)["metadata"]["resourceVersion"]
    kserve.delete("sdk-iris", namespace)
    stream = watch.Watch().stream(
        services.list_namespaced_custom_object, *collection, resource_version=version, timeout_seconds=60
    )
    assert any(event["type"] == "DELETED" and event["object"]["metadata"]["name"] == "sdk-iris" for event in stream)
    step("delete")


inference_services()
trained_models()
inference_graphs()
credentials()
deletion()
