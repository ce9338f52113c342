// Package names is the cluster's name server. It answers for Services, their
// endpoints and pods below cluster.local, and passes all other questions to the
// name server of the machine.
package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// ttl is how long answers may be kept, in seconds.
	ttl = 5
	// forwardTimeout bounds how long the machine's name server may take.
	forwardTimeout = 4 * time.Second
	// maxMessage is the largest message over UDP, in bytes.
	maxMessage = 4096
	// plainMessage is what a client takes that doesn't say otherwise.
	plainMessage = 512
)

// Server answers questions at one address.
type Server struct {
	zone Zone
	// upstream is the machine's name server, "" if it has none.
	upstream string
	packets  net.PacketConn
	streams  net.Listener
	running  sync.WaitGroup
}

// Network is where the server has its address.
type Network interface {
	Listen(address netip.AddrPort) (net.Listener, error)
	ListenPacket(address netip.AddrPort) (net.PacketConn, error)
}

// Listen takes the address for UDP and TCP. Upstream, which is asked from the
// machine, may be "".
func Listen(network Network, address netip.AddrPort, zone Zone, upstream string) (*Server, error) {
	packets, err := network.ListenPacket(address)
	if err != nil {
		return nil, err
	}
	streams, err := network.Listen(packets.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		return nil, errors.Join(err, packets.Close())
	}
	return &Server{zone: zone, upstream: upstream, packets: packets, streams: streams}, nil
}

// Upstream returns the name server that a resolver's configuration names first,
// as host:port, or "".
func Upstream(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			return net.JoinHostPort(fields[1], "53")
		}
	}
	return ""
}

// Address is where the server listens.
func (s *Server) Address() netip.AddrPort {
	return s.packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		s.packets.Close()
		s.streams.Close()
	})
	defer stop()
	s.running.Go(func() { s.servePackets(ctx) })
	s.running.Go(func() { s.serveStreams(ctx) })
	s.running.Wait()
}

func (s *Server) servePackets(ctx context.Context) {
	for {
		buffer := make([]byte, maxMessage)
		n, from, err := s.packets.ReadFrom(buffer)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue
		}
		s.running.Go(func() {
			if answer := s.answer(ctx, buffer[:n], "udp"); answer != nil {
				_, _ = s.packets.WriteTo(answer, from)
			}
		})
	}
}

func (s *Server) serveStreams(ctx context.Context) {
	for {
		connection, err := s.streams.Accept()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		s.running.Go(func() {
			defer connection.Close()
			defer context.AfterFunc(ctx, func() { connection.Close() })()
			_ = connection.SetDeadline(time.Now().Add(2 * forwardTimeout))
			for {
				question, err := readFramed(connection)
				if err != nil {
					return
				}
				answer := s.answer(ctx, question, "tcp")
				if answer == nil || writeFramed(connection, answer) != nil {
					return
				}
			}
		})
	}
}

func readFramed(from io.Reader) ([]byte, error) {
	var size uint16
	if err := binary.Read(from, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	message := make([]byte, size)
	_, err := io.ReadFull(from, message)
	return message, err
}

func writeFramed(to io.Writer, message []byte) error {
	_, err := to.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

// answer returns the answer to a message, or nil if there is none to give.
func (s *Server) answer(ctx context.Context, message []byte, network string) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || header.Response {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return reply(header, dnsmessage.Question{}, result{code: dnsmessage.RCodeFormatError}, plainMessage)
	}
	limit := 1<<16 - 1
	if network == "udp" {
		limit = accepted(parser)
	}
	found, ours := s.zone.find(question)
	switch {
	case ours && found.alias != nil:
		return reply(header, question, s.follow(ctx, *found.alias, question.Type), limit)
	case ours:
		return reply(header, question, found, limit)
	case s.upstream == "":
		return reply(header, question, unknown, limit)
	}
	if answer, err := s.forward(ctx, message, network); err == nil {
		return answer
	}
	return reply(header, question, result{code: dnsmessage.RCodeServerFailure}, limit)
}

// follow returns what another name says, with a pointer to that name before
// it: resolvers of programs expect both in one answer.
func (s *Server) follow(ctx context.Context, target dnsmessage.Name, kind dnsmessage.Type) result {
	question := dnsmessage.Question{Name: target, Type: kind, Class: dnsmessage.ClassINET}
	found, ours := s.zone.find(question)
	if !ours && s.upstream != "" {
		found = s.ask(ctx, question)
	}
	return result{code: found.code, records: found.records, alias: &target}
}

// ask asks the machine's name server.
func (s *Server) ask(ctx context.Context, question dnsmessage.Question) result {
	asked := dnsmessage.Message{Header: dnsmessage.Header{ID: 1, RecursionDesired: true}, Questions: []dnsmessage.Question{question}}
	var answer dnsmessage.Message
	message, err := asked.Pack()
	if err == nil {
		if message, err = s.forward(ctx, message, "tcp"); err == nil {
			err = answer.Unpack(message)
		}
	}
	if err != nil {
		return result{code: dnsmessage.RCodeServerFailure}
	}
	found := result{code: answer.RCode}
	for _, each := range answer.Answers {
		// Further pointers are left out, and what they point to is taken for
		// the name itself.
		if each.Header.Type == question.Type {
			found.records = append(found.records, each.Body)
		}
	}
	return found
}

// accepted is how large an answer the asker takes over UDP, in bytes.
func accepted(parser dnsmessage.Parser) int {
	if parser.SkipAllQuestions() != nil || parser.SkipAllAnswers() != nil || parser.SkipAllAuthorities() != nil {
		return plainMessage
	}
	for {
		resource, err := parser.AdditionalHeader()
		if err != nil {
			return plainMessage
		}
		if resource.Type == dnsmessage.TypeOPT {
			// An OPT record tells it in the place of its class.
			return min(max(int(resource.Class), plainMessage), maxMessage)
		}
		if parser.SkipAdditional() != nil {
			return plainMessage
		}
	}
}

func (s *Server) forward(ctx context.Context, message []byte, network string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, network, s.upstream)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	deadline, _ := ctx.Deadline()
	if err := connection.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if network == "tcp" {
		if err := writeFramed(connection, message); err != nil {
			return nil, err
		}
		return readFramed(connection)
	}
	if _, err := connection.Write(message); err != nil {
		return nil, err
	}
	buffer := make([]byte, 1<<16)
	n, err := connection.Read(buffer)
	return buffer[:n], err
}

// reply writes a result. One that is too long is cut, and says so.
func reply(header dnsmessage.Header, question dnsmessage.Question, found result, limit int) []byte {
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, OpCode: header.OpCode, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true, RCode: found.code,
		},
	}
	if question.Name.Length > 0 {
		answer.Questions = []dnsmessage.Question{question}
	}
	add := func(name dnsmessage.Name, body dnsmessage.ResourceBody) {
		answer.Answers = append(answer.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: ttl}, Body: body,
		})
	}
	name := question.Name
	if found.alias != nil {
		add(name, &dnsmessage.CNAMEResource{CNAME: *found.alias})
		name = *found.alias
	}
	for _, record := range found.records {
		add(name, record)
	}
	packed, err := answer.Pack()
	if err == nil && len(packed) > limit {
		answer.Answers, answer.Truncated = nil, true
		packed, err = answer.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}
