// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

var structs = map[string]any{
	"io.k8s.api.apps.v1.Deployment":     &appsv1.Deployment{},
	"io.k8s.api.apps.v1.ReplicaSet":     &appsv1.ReplicaSet{},
	"io.k8s.api.core.v1.Pod":            &corev1.Pod{},
	"io.k8s.api.core.v1.Service":        &corev1.Service{},
	"io.k8s.api.core.v1.ConfigMap":      &corev1.ConfigMap{},
	"io.k8s.api.core.v1.Node":           &corev1.Node{},
	"io.k8s.api.core.v1.ServiceAccount": &corev1.ServiceAccount{},
}

func strategic(r *request) answer {
	patched, err := strategicpatch.StrategicMergePatch(r.Original, r.Patch, structs[r.Type])
	if err != nil {
		return answer{"error": err.Error()}
	}
	return answer{"object": json.RawMessage(patched)}
}

// plainPatch is what kube-apiserver does with JSON patches and merge patches.
func plainPatch(r *request) answer {
	if r.Kind == "merge-patch" {
		patched, err := jsonpatch.MergePatch(r.Original, r.Patch)
		if err != nil {
			return answer{"error": err.Error(), "code": 400}
		}
		return answer{"object": json.RawMessage(patched)}
	}
	patch, err := jsonpatch.DecodePatch(r.Patch)
	if err != nil {
		return answer{"error": err.Error(), "code": 400}
	}
	patched, err := patch.Apply(r.Original)
	if err != nil {
		return answer{"error": err.Error(), "code": 422}
	}
	return answer{"object": json.RawMessage(patched)}
}
