package provision

import "sync"

// objectKey names an object of a Gateway's namespace.
type objectKey struct {
	kind int
	name string
}

// place is where an object is in the cluster.
type place struct {
	objectKey
	namespace string
}

// record is an application that succeeded.
type record struct {
	body string
	// stamp is that of the object as the API server answered.
	stamp string
}

// memory is what a term knows of applications: its own, and those of earlier
// leaders.
type memory struct {
	mu sync.Mutex
	// applied is what was applied last, by Gateway.
	applied map[string]map[objectKey]record
	// awaited are the objects whose application the watch needn't show yet, with
	// the resourceVersion that it showed before, "" if it showed none.
	awaited map[place]string
	// surveyed is what the term began with, as far as nobody has asked for it.
	surveyed map[applied]surveyed
}

func newMemory(found map[applied]surveyed) *memory {
	return &memory{applied: map[string]map[objectKey]record{}, awaited: map[place]string{}, surveyed: found}
}

// records returns what was applied for a Gateway, which belongs to the caller
// until it is done with the Gateway.
func (m *memory) records(gateway string) map[objectKey]record {
	m.mu.Lock()
	defer m.mu.Unlock()
	records := m.applied[gateway]
	if records == nil {
		records = map[objectKey]record{}
		m.applied[gateway] = records
	}
	return records
}

// forget drops what was applied for a Gateway.
func (m *memory) forget(gateway, namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.applied[gateway] {
		delete(m.awaited, place{key, namespace})
	}
	delete(m.applied, gateway)
}

// await is called before an object is applied, with what the watch shows. From
// then on every event of the object must be told to sighted.
func (m *memory) await(at place, shown string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awaited[at] = shown
}

// sighted tells that the watch shows something new of an object.
func (m *memory) sighted(at place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.awaited, at)
}

// behind tells whether the watch, which shows this resourceVersion, still shows
// an object as it was before it was applied.
func (m *memory) behind(at place, shown string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, awaited := m.awaited[at]
	return awaited && before == shown
}

// recall gives out what the survey found, once.
func (m *memory) recall(key applied) (surveyed, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, has := m.surveyed[key]
	delete(m.surveyed, key)
	return found, has
}
