// SPDX-License-Identifier: Apache-2.0

// Judges says of objects what Argo CD and Flux say of them, by their own engines: Argo CD's scripts in the Lua that it
// runs them in, and the library by which Flux waits. Reads lines of JSON `{"judge": …, "object": …}`, answers each by a
// line `{"status": …, "message": …}`. A judge is `kstatus` or a version of Argo CD. The release of kstatus is one that Go
// 1.24 builds; its rules are those of v1.4.0, to the letter.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Judge  string                    `json:"judge"`
	Object unstructured.Unstructured `json:"object"`
}

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: judges FOLDER, which has VERSION/GROUP/KIND/health.lua")
		os.Exit(2)
	}
	if err := answer(os.Stdin, os.Stdout, argo{scripts: os.Args[1]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(questions io.Reader, answers io.Writer, argo argo) error {
	in, out := json.NewDecoder(questions), json.NewEncoder(answers)
	for number := 1; ; number++ {
		var asked question
		if err := in.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("question %d: %w", number, err)
		}
		said, err := judge(asked, argo)
		if err != nil {
			return fmt.Errorf("question %d to %s: %w", number, asked.Judge, err)
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
}

func judge(asked question, argo argo) (verdict, error) {
	if asked.Judge != "kstatus" {
		return argo.judge(&asked.Object, asked.Judge)
	}
	result, err := status.Compute(&asked.Object)
	if err != nil {
		return verdict{}, err
	}
	return verdict{Status: result.Status.String(), Message: result.Message}, nil
}
