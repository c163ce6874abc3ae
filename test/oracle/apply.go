// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// step is one write. An apply sends Object; an update sends the live object with Merge (RFC 7396) applied to it.
type step struct {
	Op          string          `json:"op"`
	Manager     string          `json:"manager"`
	Force       bool            `json:"force,omitempty"`
	Subresource string          `json:"subresource,omitempty"`
	Version     string          `json:"version"`
	Object      json.RawMessage `json:"object,omitempty"`
	Merge       json.RawMessage `json:"merge,omitempty"`
}

func applySteps(set *schemaSet, r *request) answer {
	var live *unstructured.Unstructured
	answers := []answer{}
	for i, s := range r.Steps {
		next, result := runStep(set, r, &s, live)
		if next != nil {
			live = next.DeepCopy()
			live.SetAPIVersion(schema.GroupVersion{Group: r.Group, Version: r.Versions[0]}.String())
			live.SetUID("uid")
			fixTimes(live, i)
			result = answer{"object": live.DeepCopy().Object}
		}
		answers = append(answers, result)
	}
	return answer{"steps": answers}
}

func runStep(set *schemaSet, r *request, s *step, live *unstructured.Unstructured) (*unstructured.Unstructured, answer) {
	gvk := schema.GroupVersionKind{Group: r.Group, Version: s.Version, Kind: r.KindName}
	home := versions{gvk.Group, r.Versions}
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	for _, version := range r.Versions {
		paths := fieldpath.NewSet()
		for _, path := range r.Reset {
			elements := []any{}
			for _, name := range path {
				elements = append(elements, name)
			}
			paths.Insert(fieldpath.MakePathOrDie(elements...))
		}
		gv := schema.GroupVersion{Group: r.Group, Version: version}
		reset[fieldpath.APIVersion(gv.String())] = fieldpath.NewExcludeSetFilter(paths)
	}
	hub := schema.GroupVersion{Group: r.Group, Version: r.Versions[0]}
	construct := managedfields.NewDefaultFieldManager
	if set.crd {
		construct = managedfields.NewDefaultCRDFieldManager
	}
	manager, err := construct(set.converter, home, home, home, gvk, hub, s.Subresource, reset)
	if err != nil {
		panic(err)
	}
	before := &unstructured.Unstructured{Object: map[string]any{}}
	before.SetGroupVersionKind(gvk)
	if live != nil {
		before = live.DeepCopy()
	}
	if s.Op == "update" {
		after := &unstructured.Unstructured{Object: mergeInto(before.DeepCopy().Object, decode(s.Merge)).(map[string]any)}
		return manager.UpdateNoErrors(before, after, s.Manager).(*unstructured.Unstructured), nil
	}
	applied := &unstructured.Unstructured{Object: decode(s.Object)}
	result, err := manager.Apply(before, applied, s.Manager, s.Force)
	if err == nil {
		return result.(*unstructured.Unstructured), nil
	}
	if status, ok := err.(*apierrors.StatusError); ok {
		details := status.ErrStatus.Details
		if details == nil {
			details = &metav1.StatusDetails{}
		}
		return nil, answer{"error": status.ErrStatus.Message, "code": status.ErrStatus.Code, "causes": details.Causes}
	}
	return nil, answer{"error": err.Error(), "code": 500}
}

// fixTimes replaces the clock's time by that of the step, so that answers can be compared.
func fixTimes(object *unstructured.Unstructured, index int) {
	entries := object.GetManagedFields()
	for i := range entries {
		if entries[i].Time != nil && entries[i].Time.Year() > 2020 {
			entries[i].Time = &metav1.Time{Time: time.Date(2020, 1, 1, 0, 0, index, 0, time.UTC)}
		}
	}
	object.SetManagedFields(entries)
}

func mergeInto(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result, ok := target.(map[string]any)
	if !ok {
		result = map[string]any{}
	}
	for key, value := range changes {
		if value == nil {
			delete(result, key)
		} else {
			result[key] = mergeInto(result[key], value)
		}
	}
	return result
}

// versions converts objects among API versions of one shape, as the conversion strategy "None" does.
type versions struct {
	group string
	names []string
}

func (v versions) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	gv := target.(schema.GroupVersion)
	kind := in.GetObjectKind().GroupVersionKind().Kind
	if gv.Group != v.group || !slices.Contains(v.names, gv.Version) {
		return nil, runtime.NewNotRegisteredErrForKind("oracle", gv.WithKind(kind))
	}
	out := in.DeepCopyObject()
	out.GetObjectKind().SetGroupVersionKind(gv.WithKind(kind))
	return out, nil
}

func (v versions) Convert(in, out, context any) error { return fmt.Errorf("not supported") }
func (v versions) ConvertFieldLabel(gvk schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (v versions) Default(in runtime.Object) {}
func (v versions) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(gvk)
	return object, nil
}
