// SPDX-License-Identifier: Apache-2.0
// Prints the protobuf layout of the Kubernetes types that the embedded API server serves, as JSON: what a client that
// sends application/vnd.kubernetes.protobuf (kubectl create) wrote. `cd tools/generate/protobuf && go run . > ../../../packages/embedded/src/apiserver/http/kubernetes-protobuf.gen.json`
// and with the argument `zeros` > ../../../packages/embedded/src/apiserver/resources/zero-values.gen.json
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Of one field: JSON name, kind of value, and flags: r(epeated), m(ap), p(ointer: a zero value counts), i(nline).
type field [3]string

var special = map[reflect.Type]string{
	reflect.TypeOf(meta.Time{}):            "time",
	reflect.TypeOf(meta.MicroTime{}):       "microtime",
	reflect.TypeOf(meta.FieldsV1{}):        "raw",
	reflect.TypeOf(runtime.RawExtension{}): "raw",
	reflect.TypeOf(resource.Quantity{}):    "quantity",
	reflect.TypeOf(intstr.IntOrString{}):   "intstr",
	reflect.TypeOf([]byte{}):               "bytes",
}

var tables = map[string]map[string]field{}

func nameOf(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	return strings.Join(parts[len(parts)-2:], ".") + "." + t.Name()
}

func kindOf(t reflect.Type) string {
	if name, ok := special[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Struct:
		walk(t)
		return nameOf(t)
	}
	panic("unknown type " + t.String())
}

func walk(t reflect.Type) {
	if _, ok := tables[nameOf(t)]; ok {
		return
	}
	table := map[string]field{}
	tables[nameOf(t)] = table
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		if _, err := strconv.Atoi(tag[1]); err != nil {
			continue
		}
		jsonTag := strings.Split(f.Tag.Get("json"), ",")
		flags, ft := "", f.Type
		if strings.Contains(f.Tag.Get("json"), ",inline") {
			flags += "i"
		}
		if ft.Kind() == reflect.Pointer {
			flags += "p"
			ft = ft.Elem()
		}
		if _, ok := special[ft]; !ok && ft.Kind() == reflect.Slice {
			flags += "r"
			ft = ft.Elem()
		} else if ft.Kind() == reflect.Map {
			flags += "m"
			ft = ft.Elem()
			if ft.Kind() == reflect.Slice && ft.Elem().Kind() != reflect.Uint8 {
				ft = ft.Elem()
			}
		}
		// A field without omitempty is always shown.
		if len(jsonTag) == 1 {
			flags += "a"
		}
		table[tag[1]] = field{jsonTag[0], kindOf(ft), flags}
	}
}

func main() {
	roots := []any{core.Namespace{}, core.ConfigMap{}, core.Secret{}, core.ServiceAccount{}, core.Service{}, core.Pod{},
		core.PersistentVolume{}, core.PersistentVolumeClaim{}, core.Event{}, core.Node{}, core.ResourceQuota{}, core.Binding{}, discovery.EndpointSlice{}, events.Event{},
		apps.Deployment{}, apps.ReplicaSet{}, autoscaling.HorizontalPodAutoscaler{}, coordination.Lease{}, networking.Ingress{}, meta.DeleteOptions{},
		authorization.SelfSubjectAccessReview{}, authorization.SubjectAccessReview{}, authorization.LocalSubjectAccessReview{},
		authorization.SelfSubjectRulesReview{}, authentication.SelfSubjectReview{}}
	kinds := map[string]string{}
	// What an empty object of the kind looks like in JSON: managedFields of a create are the difference from it.
	zeros := map[string]any{}
	for _, root := range roots {
		t := reflect.TypeOf(root)
		walk(t)
		parts := strings.Split(t.PkgPath(), "/")
		group, version := parts[len(parts)-2], parts[len(parts)-1]
		api := map[string]string{"core": "v1", "apps": "apps/v1", "autoscaling": "autoscaling/" + version, "coordination": "coordination.k8s.io/v1",
			"authorization": "authorization.k8s.io/v1", "authentication": "authentication.k8s.io/v1", "discovery": "discovery.k8s.io/v1", "events": "events.k8s.io/v1", "networking": "networking.k8s.io/v1", "meta": "v1"}[group]
		kinds[api+"/"+t.Name()] = nameOf(t)
		zeros[api+"/"+t.Name()] = root
	}
	if len(os.Args) > 1 && os.Args[1] == "zeros" {
		_ = json.NewEncoder(os.Stdout).Encode(zeros)
		return
	}
	encoder := json.NewEncoder(os.Stdout)
	_ = encoder.Encode(map[string]any{"source": "k8s.io/api v0.34.3, tools/generate/protobuf", "kinds": kinds, "messages": tables})
}
