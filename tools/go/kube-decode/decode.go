package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/client-go/kubernetes/scheme"
)

var (
	// Before a runtime.Unknown: k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
	protobufPrefix = []byte("k8s\x00")
	// Of custom resources, where the feature gate CBORServingAndStorage is on: RFC 8949, section 3.4.6.
	cborPrefix = []byte{0xd9, 0xd9, 0xf7}
	extensions = runtime.NewScheme()
)

func init() {
	install.Install(extensions)
}

// An error is the reason why a value stays as it is: the end of a sentence that begins with its key.
func decode(value []byte) (text []byte, err error) {
	what := "is an object"
	defer func() {
		// A decoder that others wrote, and a file that an enemy may have written.
		if fault := recover(); fault != nil {
			text, err = nil, fmt.Errorf("%s that cannot be decoded: %s", what, shown(fmt.Sprint(fault)))
		}
	}()
	switch {
	case bytes.HasPrefix(value, protobufPrefix):
		return decodeProtobuf(value[len(protobufPrefix):], &what)
	case bytes.HasPrefix(value, cborPrefix):
		return decodeCBOR(value)
	case bytes.HasPrefix(value, []byte("{")):
		return decodeDefinition(value)
	default:
		return nil, errors.New("is no object of Kubernetes in protobuf or CBOR, nor a CustomResourceDefinition")
	}
}

func decodeProtobuf(message []byte, what *string) ([]byte, error) {
	var envelope runtime.Unknown
	if err := envelope.Unmarshal(message); err != nil {
		return nil, fmt.Errorf("is damaged: its envelope is no runtime.Unknown (%s)", shown(err.Error()))
	}
	kind := envelope.GroupVersionKind()
	*what = fmt.Sprintf("is a %s of %s", shown(envelope.Kind), shown(envelope.APIVersion))
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, fmt.Errorf("%s, which client-go %s does not know", *what, version())
	}
	from, ok := object.(interface{ Unmarshal([]byte) error })
	if !ok {
		return nil, fmt.Errorf("%s, which has no form in protobuf", *what)
	}
	if err := from.Unmarshal(envelope.Raw); err != nil {
		return nil, fmt.Errorf("%s and is damaged: %s", *what, shown(err.Error()))
	}
	object.GetObjectKind().SetGroupVersionKind(kind)
	return toJSON(object, *what)
}

func decodeCBOR(value []byte) ([]byte, error) {
	var object map[string]any
	if err := direct.Unmarshal(value, &object); err != nil {
		return nil, fmt.Errorf("is damaged: it begins as CBOR and is no object (%s)", shown(err.Error()))
	}
	return toJSON(object, "is an object in CBOR")
}

// decodeDefinition gives a CustomResourceDefinition of v1beta1 as v1. The API has served v1 alone since Kubernetes 1.22, and stores v1beta1, as JSON, to this day
// (k8s.io/kubernetes: pkg/controlplane/apiserver/apiextensions.go).
func decodeDefinition(value []byte) ([]byte, error) {
	const what = "is a CustomResourceDefinition of apiextensions.k8s.io/v1beta1"
	var stored apiextensionsv1beta1.CustomResourceDefinition
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, fmt.Errorf("begins as JSON and is no CustomResourceDefinition: %s", shown(err.Error()))
	}
	if stored.APIVersion != apiextensionsv1beta1.SchemeGroupVersion.String() || stored.Kind != "CustomResourceDefinition" {
		return nil, fmt.Errorf("is a %s of %s in JSON, which needs no decoder", shown(stored.Kind), shown(stored.APIVersion))
	}
	var internal apiextensions.CustomResourceDefinition
	var served apiextensionsv1.CustomResourceDefinition
	if err := errors.Join(extensions.Convert(&stored, &internal, nil), extensions.Convert(&internal, &served, nil)); err != nil {
		return nil, fmt.Errorf("%s that has no form in v1: %s", what, shown(err.Error()))
	}
	served.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind(stored.Kind))
	return toJSON(&served, what)
}

func toJSON(object any, what string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	// As the API does: these characters are no danger in a terminal or a file.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return nil, fmt.Errorf("%s that has no form in JSON: %s", what, shown(err.Error()))
	}
	// Of raw JSON in an object, such as managedFields, it only looks at the syntax.
	if !utf8.Valid(text.Bytes()) {
		return nil, fmt.Errorf("%s with text in it that is no UTF-8", what)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// shown is a piece of what somebody else wrote, safe to print and not too long.
func shown(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "..."
	}
	quoted := strconv.QuoteToASCII(text)
	if text != "" && quoted == `"`+text+`"` {
		return text
	}
	return quoted
}
