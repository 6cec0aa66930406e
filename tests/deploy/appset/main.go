// What ArgoCD's own generators make of an ApplicationSet, without a cluster: appset FILE CLUSTERS.json [GITHUB]
//
// CLUSTERS.json is a list of {name, server, labels, annotations}: the cluster secrets. GITHUB is the address of the pull request API, in place
// of GitHub's. Prints the Applications as JSON, one a line; an error of any generator ends with status 1 and prints no Application, which is
// what keeps the controller from deleting anything.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
)

type cluster struct {
	Name        string            `json:"name"`
	Server      string            `json:"server"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	log.SetOutput(io.Discard)
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var set argo.ApplicationSet
	if err := yaml.UnmarshalStrict(text, &set); err != nil {
		return err
	}
	text, err = os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var clusters []cluster
	if err := json.Unmarshal(text, &clusters); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, argo.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	build, clientset := fake.NewClientBuilder().WithScheme(scheme), kubefake.NewSimpleClientset()
	for _, c := range clusters {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: c.Name, Namespace: set.Namespace, Labels: c.Labels, Annotations: c.Annotations},
			Data:       map[string][]byte{"name": []byte(c.Name), "server": []byte(c.Server), "config": []byte("{}")},
		}
		build = build.WithObjects(secret)
		if _, err := clientset.CoreV1().Secrets(set.Namespace).Create(context.Background(), secret, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	client := build.Build()
	if len(args) > 2 {
		useGitHub(set.Spec.Generators, args[2])
	}
	scm := generators.NewSCMConfig("", nil, true, false, nil, false)
	terminal := map[string]generators.Generator{
		"Clusters":    generators.NewClusterGenerator(context.Background(), client, clientset, set.Namespace),
		"PullRequest": generators.NewPullRequestGenerator(client, scm),
	}
	all := map[string]generators.Generator{"Matrix": generators.NewMatrixGenerator(terminal)}
	for name, generator := range terminal {
		all[name] = generator
	}
	applications, reason, err := template.GenerateApplications(log.NewEntry(log.StandardLogger()), set, all, &utils.Render{}, client)
	if err != nil {
		return fmt.Errorf("%s: %w", reason, err)
	}
	for _, application := range applications {
		application.TypeMeta = metav1.TypeMeta{APIVersion: "argoproj.io/v1alpha1", Kind: "Application"}
		out, err := json.Marshal(application)
		if err != nil {
			return err
		}
		fmt.Println(strings.ReplaceAll(string(out), `,"status":{"health":{},"sourceHydrator":{},"summary":{},"sync":{"comparedTo":{"destination":{},"source":{"repoURL":""}},"status":""}}`, ""))
	}
	return nil
}

// The stub is asked without credentials, at its own address; everything else stays as it is in the file.
func useGitHub(list []argo.ApplicationSetGenerator, address string) {
	for i := range list {
		if list[i].PullRequest != nil {
			list[i].PullRequest.Github.API, list[i].PullRequest.Github.AppSecretName = address, ""
		}
		if list[i].Matrix == nil {
			continue
		}
		for j := range list[i].Matrix.Generators {
			if nested := list[i].Matrix.Generators[j].PullRequest; nested != nil {
				nested.Github.API, nested.Github.AppSecretName = address, ""
			}
		}
	}
}
