package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd runs the store and returns it with the URL its clients use, once
// it answers. It listens on a unix socket in a directory that only its owner
// may enter: etcd holds every secret of the cluster and asks nobody who they
// are.
func startEtcd(ctx context.Context, dir *dataDir, logs *logs) (*embed.Etcd, string, error) {
	socket := url.URL{Scheme: "unix", Path: filepath.Join(dir.run, "etcd.sock")}
	// A cluster of one member never calls itself; the names below are only
	// ever compared with each other.
	nowhere := url.URL{Scheme: "http", Host: "127.0.0.1:1"}

	config := embed.NewConfig()
	config.Name = "devcluster"
	config.Dir = dir.file("etcd")
	config.ListenClientUrls = []url.URL{socket}
	config.AdvertiseClientUrls = []url.URL{nowhere}
	config.ListenPeerUrls = nil
	config.AdvertisePeerUrls = []url.URL{nowhere}
	config.InitialCluster = config.Name + "=" + nowhere.String()
	// The data survives a crash of this process without fsync, only not one of
	// the machine, and every write is several times faster.
	config.UnsafeNoFsync = true
	// The only member needs no time to hear of others before it elects itself.
	config.TickMs, config.ElectionMs = 10, 100
	config.EnableGRPCGateway = false
	// Left at zero, every request counts as slow and is logged.
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	config.LogLevel = logs.etcdLevel
	config.LogOutputs = []string{logs.etcdOutput}

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, "", fmt.Errorf("starting etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, socket.String(), nil
	case <-etcd.Server.StopNotify():
		err = errors.New("etcd stopped while it started")
	case err = <-etcd.Err():
	case <-ctx.Done():
		err = ctx.Err()
	}
	etcd.Close()
	return nil, "", err
}
