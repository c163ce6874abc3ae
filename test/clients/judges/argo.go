// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// argo runs the scripts of Argo CD's versions as Argo CD does.
type argo struct {
	scripts string
}

var knownHealth = []string{"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

// judge answers without a status for a kind that the version has no script for: Argo CD takes no notice of its health.
// A script that fails makes the health Unknown, as it does there.
func (a argo) judge(object *unstructured.Unstructured, version string) (verdict, error) {
	kind := object.GroupVersionKind()
	of := filepath.Join(a.scripts, version)
	if _, err := os.Stat(of); err != nil {
		return verdict{}, err
	}
	script, err := os.ReadFile(filepath.Join(of, kind.Group, kind.Kind, "health.lua"))
	if errors.Is(err, fs.ErrNotExist) {
		return verdict{Message: "no script"}, nil
	} else if err != nil {
		return verdict{}, err
	}
	said, err := run(string(script), object.Object)
	if err != nil {
		return verdict{Status: "Unknown", Message: err.Error()}, nil
	}
	// Whatever a script finds, an object that is being deleted is Progressing (gitops-engine, pkg/health).
	if object.GetDeletionTimestamp() != nil {
		return verdict{Status: "Progressing", Message: "Pending deletion"}, nil
	}
	return said, nil
}

// run gives a script what Argo CD gives it (util/lua/lua.go): three libraries, one second and the global obj; not the
// few functions of os that Argo CD lets through, which no script of KServe uses.
func run(script string, object map[string]any) (verdict, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return verdict{}, err
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return verdict{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return verdict{}, errors.New("the script returned no table")
	}
	said := verdict{lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message"))}
	if !slices.Contains(knownHealth, said.Status) {
		return verdict{Status: "Unknown", Message: "Lua returned an invalid health status"}, nil
	}
	return said, nil
}

// toLua turns what unstructured JSON is made of into tables; a null is an absent field.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}
