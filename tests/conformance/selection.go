package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
)

// shard is one of several parts of the suite that together are all of it.
type shard struct {
	// index counts from 1 to of.
	index, of int
}

// parseShard reads "2/3". The empty text is the whole.
func parseShard(text string) (shard, error) {
	if text == "" {
		return shard{1, 1}, nil
	}
	index, of, _ := strings.Cut(text, "/")
	i, err := strconv.Atoi(index)
	n, errOf := strconv.Atoi(of)
	if err != nil || errOf != nil || i < 1 || i > n {
		return shard{}, fmt.Errorf("-shard %q is not of the form 2/3", text)
	}
	return shard{i, n}, nil
}

// choose returns the tests to run: those with the names, or all if there are
// none, and of them what belongs to the shard.
func choose(all []suite.ConformanceTest, names []string, part shard) ([]suite.ConformanceTest, error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(test suite.ConformanceTest) bool { return test.ShortName == name }) {
			return nil, fmt.Errorf("there is no test %q", name)
		}
	}
	var chosen []suite.ConformanceTest
	for _, test := range all {
		if len(names) == 0 || slices.Contains(names, test.ShortName) {
			chosen = append(chosen, test)
		}
	}
	// Neighbours are of one kind and take similar times, so every shard gets
	// some of each.
	var mine []suite.ConformanceTest
	for i, test := range chosen {
		if i%part.of == part.index-1 {
			mine = append(mine, test)
		}
	}
	return mine, nil
}
