// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// schemaSet is everything that Kubernetes derives from one schema.
type schemaSet struct {
	crd        bool
	converter  managedfields.TypeConverter
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

func newSchemaSet(r *request) (*schemaSet, error) {
	if r.Kind == "definitions" {
		models := map[string]*spec.Schema{}
		if err := json.Unmarshal(r.Definitions, &models); err != nil {
			return nil, err
		}
		converter, err := managedfields.NewTypeConverter(models, false)
		return &schemaSet{converter: converter}, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(r.CRD, crd); err != nil {
		return nil, err
	}
	models := map[string]*spec.Schema{}
	for _, version := range crd.Spec.Versions {
		document, err := builder.BuildOpenAPIV3(crd, version.Name, builder.Options{})
		if err != nil {
			return nil, err
		}
		for name, model := range document.Components.Schemas {
			models[name] = model
		}
	}
	converter, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return nil, err
	}
	internal := &apiextensions.JSONSchemaProps{}
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(root, internal, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(internal)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	return &schemaSet{crd: true, converter: converter, structural: structural, validator: validator}, err
}

func (s *schemaSet) prune(object map[string]any) answer {
	unknown := pruning.PruneWithOptions(object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if unknown == nil {
		unknown = []string{}
	}
	return answer{"object": object, "unknown": unknown}
}

func (s *schemaSet) defaults(object map[string]any) answer {
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	return answer{"object": object}
}

func (s *schemaSet) validate(object map[string]any) answer {
	var found field.ErrorList
	found = append(found, validation.ValidateCustomResource(nil, object, s.validator)...)
	found = append(found, objectmeta.Validate(nil, object, s.structural, false)...)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	errors := []map[string]string{}
	for _, e := range found {
		errors = append(errors, map[string]string{"path": e.Field, "reason": string(e.Type), "message": e.ErrorBody()})
	}
	return answer{"errors": errors}
}
