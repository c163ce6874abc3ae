// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"

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
