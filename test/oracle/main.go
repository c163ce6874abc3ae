// SPDX-License-Identifier: Apache-2.0

// Oracle answers cases of patching and schema handling with Kubernetes' own code: one JSON document per line on stdin,
// one answer per line on stdout, in the same order.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

type request struct {
	Kind string `json:"kind"`
	// Schema names a schema registered by an earlier request of kind "crd" or "definitions".
	Schema string `json:"schema,omitempty"`

	// crd, definitions
	CRD         json.RawMessage `json:"crd,omitempty"`
	Definitions json.RawMessage `json:"definitions,omitempty"`

	// strategic, json-patch, merge-patch
	Type     string          `json:"type,omitempty"`
	Original json.RawMessage `json:"original,omitempty"`
	Patch    json.RawMessage `json:"patch,omitempty"`

	// apply
	Group    string     `json:"group,omitempty"`
	KindName string     `json:"kindName,omitempty"`
	Versions []string   `json:"versions,omitempty"`
	Reset    [][]string `json:"reset,omitempty"`
	Steps    []step     `json:"steps,omitempty"`

	// prune, default, validate
	Object json.RawMessage `json:"object,omitempty"`
}

type answer map[string]any

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	schemas := map[string]*schemaSet{}
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := encoder.Encode(respond(schemas, line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}

func respond(schemas map[string]*schemaSet, line []byte) (result answer) {
	defer func() {
		if r := recover(); r != nil {
			result = answer{"panic": fmt.Sprint(r)}
		}
	}()
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return answer{"broken": err.Error()}
	}
	switch r.Kind {
	case "crd", "definitions":
		set, err := newSchemaSet(&r)
		if err != nil {
			return answer{"broken": err.Error()}
		}
		schemas[r.Schema] = set
		return answer{}
	case "strategic":
		return strategic(&r)
	case "json-patch", "merge-patch":
		return plainPatch(&r)
	}
	set := schemas[r.Schema]
	if set == nil {
		return answer{"broken": "unknown schema " + r.Schema}
	}
	switch r.Kind {
	case "apply":
		return applySteps(set, &r)
	case "prune":
		return set.prune(decode(r.Object))
	case "default":
		return set.defaults(decode(r.Object))
	case "validate":
		return set.validate(decode(r.Object))
	}
	return answer{"broken": "unknown kind " + r.Kind}
}

// decode reads integers as int64, as Kubernetes does.
func decode(raw json.RawMessage) map[string]any {
	object := map[string]any{}
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		panic(err)
	}
	return object
}
