// SPDX-License-Identifier: Apache-2.0

// A controller as others write them, with controller-runtime: leader election, informers whose cache is read, and
// server-side apply. It says `led`, `added NAME`, `deleted NAME` and `copied NAME` (a ConfigMap that it applied for the
// InferenceService, read back through its cache), one per line, until it is asked to end.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

var kind = schema.GroupVersionKind{Group: "serving.kserve.io", Version: "v1beta1", Kind: "InferenceService"}

type reconciler struct {
	client.Client
	mu    sync.Mutex
	known map[string]bool
}

func (r *reconciler) say(word, name string) {
	fmt.Println(word, name)
}

// Reconcile copies a service's generation into a ConfigMap of its name.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	service := &unstructured.Unstructured{}
	service.SetGroupVersionKind(kind)
	err := r.Get(ctx, request.NamespacedName, service)
	r.mu.Lock()
	defer r.mu.Unlock()
	if apierrors.IsNotFound(err) {
		if r.known[request.Name] {
			delete(r.known, request.Name)
			r.say("deleted", request.Name)
		}
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if !r.known[request.Name] {
		r.known[request.Name] = true
		r.say("added", request.Name)
	}
	generation := fmt.Sprint(service.GetGeneration())
	copied := &corev1.ConfigMap{}
	err = r.Get(ctx, request.NamespacedName, copied)
	if err == nil && copied.Data["generation"] == generation {
		r.say("copied", request.Name)
		return ctrl.Result{}, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return ctrl.Result{}, err
	}
	wanted := applycore.ConfigMap(request.Name, request.Namespace).WithData(map[string]string{"generation": generation})
	if err := r.Apply(ctx, wanted, client.FieldOwner("client-go-test"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: 200 * time.Millisecond}, nil
}

// dialPatiently connects as soon as somebody listens. client-go's reflectors pause longer after every refused connection,
// up to a minute each time, and forget it only after two quiet minutes; that cannot be set. Where an API server is away
// often and shortly, its clients would mostly pause. Broken, answered and refused requests go on to client-go as ever.
func dialPatiently(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	for end := time.Now().Add(20 * time.Second); ; {
		connection, err := dialer.DialContext(ctx, network, address)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
			return connection, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func run() error {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	// An API server may be away for half a minute.
	lease, renew, retry := 60*time.Second, 40*time.Second, time.Second
	config := ctrl.GetConfigOrDie()
	config.Dial = dialPatiently
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
		LeaderElection:          true,
		LeaderElectionID:        "client-go-test",
		LeaderElectionNamespace: "default",
		LeaseDuration:           &lease,
		RenewDeadline:           &renew,
		RetryPeriod:             &retry,
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		Cache:                   cache.Options{DefaultNamespaces: map[string]cache.Config{"default": {}}},
	})
	if err != nil {
		return err
	}
	service := &unstructured.Unstructured{}
	service.SetGroupVersionKind(kind)
	r := &reconciler{Client: manager.GetClient(), known: map[string]bool{}}
	if err := ctrl.NewControllerManagedBy(manager).For(service).Owns(&corev1.ConfigMap{}).Complete(r); err != nil {
		return err
	}
	go func() {
		<-manager.Elected()
		r.say("led", "")
	}()
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
