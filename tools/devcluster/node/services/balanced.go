//go:build linux

package services

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// assigned returns the address of ours that the status names.
func (p *Proxy) assigned(service *corev1.Service) (netip.Addr, bool) {
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil && p.config.Balanced.Contains(address) {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// balance makes sure that a Service has an address, which its status tells.
func (p *Proxy) balance(ctx context.Context, service *corev1.Service) (netip.Addr, error) {
	name := nameOf(service)
	address, told := p.assigned(service)
	if told && p.taken[address] != name {
		if _, other := p.taken[address]; other {
			told = false
		}
	}
	if !told {
		var err error
		if address, err = p.pick(service); err != nil {
			return netip.Addr{}, err
		}
	}
	p.taken[address] = name
	if told {
		return address, nil
	}
	return address, p.patch(ctx, name, []corev1.LoadBalancerIngress{{IP: address.String()}})
}

// pick finds the address that the Service has or asks for, or else a free one.
func (p *Proxy) pick(service *corev1.Service) (netip.Addr, error) {
	name := nameOf(service)
	for address, holder := range p.taken {
		if holder == name {
			return address, nil
		}
	}
	if asked, err := netip.ParseAddr(service.Spec.LoadBalancerIP); err == nil && p.config.Balanced.Contains(asked) {
		if _, taken := p.taken[asked]; !taken {
			return asked, nil
		}
	}
	// The first address isn't given out: it reads like that of a network.
	for address := p.config.Balanced.Masked().Addr().Next(); p.config.Balanced.Contains(address); address = address.Next() {
		if _, taken := p.taken[address]; !taken {
			return address, nil
		}
	}
	return netip.Addr{}, errors.New("no address is left for Services of type LoadBalancer")
}

// unbalance takes the address back from a Service that isn't to have one.
func (p *Proxy) unbalance(ctx context.Context, service *corev1.Service) error {
	p.free(nameOf(service))
	if _, told := p.assigned(service); !told {
		return nil
	}
	return p.patch(ctx, nameOf(service), nil)
}

func (p *Proxy) free(name types.NamespacedName) {
	for address, holder := range p.taken {
		if holder == name {
			delete(p.taken, address)
		}
	}
}

func (p *Proxy) patch(ctx context.Context, name types.NamespacedName, ingress []corev1.LoadBalancerIngress) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"loadBalancer": map[string]any{"ingress": ingress}}})
	if err != nil {
		return err
	}
	_, err = p.config.Client.CoreV1().Services(name.Namespace).Patch(ctx, name.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
