# SPDX-License-Identifier: Apache-2.0
"""Follows InferenceServices with the kubernetes package's watch, as its documentation has it: list, then watch from the
list's version; after a broken connection watch again from the last version seen; after 410 list again.

Says `added NAME` and `deleted NAME`, one per line, until it is killed. Reads one JSON object: kubeconfig, namespace.
"""

import json
import sys
import time

import urllib3
from kubernetes import client, config, watch

given = json.loads(sys.argv[1])
config.load_kube_config(config_file=given["kubeconfig"])
objects = client.CustomObjectsApi()
collection = ("serving.kserve.io", "v1beta1", given["namespace"], "inferenceservices")
known = set()


def say(word, name):
    print(word, name, flush=True)


def show(names):
    for name in sorted(names - known):
        say("added", name)
    for name in sorted(known - names):
        say("deleted", name)
    known.clear()
    known.update(names)


def relist():
    found = objects.list_namespaced_custom_object(*collection)
    show({item["metadata"]["name"] for item in found["items"]})
    return found["metadata"]["resourceVersion"]


def follow(version):
    stream = watch.Watch()
    for event in stream.stream(
        objects.list_namespaced_custom_object, *collection, resource_version=version, timeout_seconds=20
    ):
        name = event["object"]["metadata"]["name"]
        version = event["object"]["metadata"]["resourceVersion"]
        if event["type"] == "DELETED" and name in known:
            known.discard(name)
            say("deleted", name)
        elif event["type"] != "DELETED" and name not in known:
            known.add(name)
            say("added", name)
        seen["version"] = version


seen = {"version": None}
say("led", "")
while True:
    try:
        if seen["version"] is None:
            seen["version"] = relist()
        follow(seen["version"])
    except client.ApiException as error:
        # 410: the version is forgotten. Anything else: the server starts.
        seen["version"] = None if error.status == 410 else seen["version"]
        time.sleep(0.2)
    except (urllib3.exceptions.HTTPError, ConnectionError, json.JSONDecodeError):
        time.sleep(0.2)
