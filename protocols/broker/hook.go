package broker

import (
	"context"
	"errors"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hook is where mochi asks us: who a client is, what it may read, what becomes of its session.
type hook struct {
	mqtt.HookBase
	b *Broker
}

// ID names the hook in mochi.
func (h *hook) ID() string { return "lastgasp" }

// Provides lists what mochi is to call.
func (h *hook) Provides(what byte) bool {
	switch what {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSessionEstablish, mqtt.OnDisconnect,
		mqtt.OnClientExpired, mqtt.OnSubscribe, mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnPublishDropped, mqtt.OnQosDropped:
		return true
	}
	return false
}

var errRefused = errors.New("connection refused")

// OnConnect authenticates. It writes a CONNACK of its own, because mochi knows only one reason to
// refuse, and a device must tell "wrong password" from "come again".
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	c := cl.Net.Conn.(*conn)
	c.v5 = cl.Properties.ProtocolVersion == 5
	reason := h.b.admit(c, cl, pk)
	if reason == "" {
		c.keepAlive = time.Duration(pk.Connect.Keepalive) * time.Second
		return nil
	}
	h.b.metrics.refused.WithLabelValues(reason).Inc()
	code := packets.ErrBadUsernameOrPassword // 5, not authorised, in MQTT 3
	switch {
	case reason == "too_many_of_device" && c.v5:
		code = packets.ErrQuotaExceeded
	case reason == "unavailable", reason == "too_many_of_device":
		code = packets.ErrServerUnavailable
	}
	if err := h.b.server.SendConnack(cl, code, false, nil); err != nil {
		return err
	}
	return errRefused
}

// loginTries bounds how often rights that change while they are asked for are asked for again.
const loginTries = 3

// admit gives a connection its rights, its session and a place among those of its device, or returns the
// reason why it is refused.
func (b *Broker) admit(c *conn, cl *mqtt.Client, pk packets.Packet) string {
	for range loginTries {
		asked := b.present.now()
		rights, reason := b.login(c, pk)
		if reason == "" && pk.Connect.WillFlag && rights.mayPublish(pk.Connect.WillTopic) == grantNone {
			reason = "foreign_will"
		}
		if reason != "" {
			return reason
		}
		// A client id is unique only among the clients of one device: none can take over another's session.
		c.rights, c.session = rights, string(rights.device)+"|"+cl.ID
		err := b.present.claim(c, asked, b.config.ConnectionsADevice)
		if err == nil {
			cl.ID = c.session
			return ""
		}
		c.rights, c.session = nil, ""
		if errors.Is(err, errCrowded) {
			return "too_many_of_device"
		}
	}
	return "unavailable"
}

// login returns the rights of whoever connects, or the reason why it is refused.
func (b *Broker) login(c *conn, pk packets.Packet) (*rights, string) {
	login := Login{ClientID: pk.Connect.ClientIdentifier, Username: string(pk.Connect.Username), Password: pk.Connect.Password,
		CommonName: c.commonName(), Remote: c.RemoteAddr().String()}
	if b.failures.blocked(login, time.Now()) {
		return nil, "too_many_failures"
	}
	ctx, cancel := context.WithTimeout(c.ctx, b.config.ConnectTimeout)
	defer cancel()
	if err := b.logins.Acquire(ctx, 1); err != nil {
		return nil, "unavailable"
	}
	id, err := b.access.Authenticate(ctx, login)
	b.logins.Release(1)
	if errors.Is(err, ErrDenied) {
		b.failures.add(login, time.Now())
		return nil, "denied"
	}
	if err != nil {
		b.log.Warn("a device's credential cannot be checked", "error", err)
		return nil, "unavailable"
	}
	r, err := newRights(id)
	if err != nil {
		b.log.Warn("a credential with unusable rights", "error", err)
		return nil, "denied"
	}
	return r, ""
}

// OnConnectAuthenticate repeats to mochi what OnConnect has found.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	return cl.Net.Conn.(*conn).rights != nil
}

// OnSessionEstablish takes the will out of mochi's hands, settles that of a connection about to be
// taken over before the new one is accepted, and bounds the sessions a device may leave behind.
func (h *hook) OnSessionEstablish(cl *mqtt.Client, pk packets.Packet) {
	c := cl.Net.Conn.(*conn)
	if old, ok := h.b.server.Clients.Get(cl.ID); ok && old.Net.Conn != nil {
		// A delayed will is void when its session goes on in time [MQTT-3.1.3-9].
		if w := old.Net.Conn.(*conn).takeWill(); w != nil && (w.delay == 0 || pk.Connect.Clean) {
			h.b.storeWill(c.ctx, w)
		}
	}
	if w := h.b.delayed.drop(cl.ID); w != nil && pk.Connect.Clean {
		h.b.storeWill(c.ctx, w)
	}
	p := &cl.Properties
	persistent := p.ProtocolVersion < 5 && !p.Clean || p.ProtocolVersion == 5 && p.Props.SessionExpiryInterval > 0
	if persistent && !h.b.sessions.claim(c, h.b.config.SessionsADevice) {
		p.Clean, p.Props.SessionExpiryInterval, persistent = true, 0, false
		h.b.metrics.sessionsCut.Inc()
	}
	if p.Will.Flag != 0 {
		w := &will{rights: c.rights, publish: publish{name: p.Will.TopicName, payload: p.Will.Payload, qos: p.Will.Qos}}
		w.publish.grant = c.rights.mayPublish(w.publish.name)
		if persistent {
			w.delay = time.Duration(p.Will.WillDelayInterval) * time.Second
		}
		c.setWill(w)
		p.Will = mqtt.Will{}
	}
}

// OnDisconnect stores the will of a client that did not say goodbye.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, expire bool) {
	c := cl.Net.Conn.(*conn)
	if expire {
		h.b.sessions.release(c)
	}
	w := c.takeWill()
	if err == nil || w == nil {
		return
	}
	select {
	case <-h.b.stopping:
		return // it is we who left
	default:
	}
	if w.delay > 0 {
		h.b.delayed.add(c.session, w, time.Now().Add(w.delay))
		return
	}
	h.b.storeWill(context.Background(), w)
}

// OnClientExpired forgets a session that nobody came back to.
func (h *hook) OnClientExpired(cl *mqtt.Client) {
	if c, ok := cl.Net.Conn.(*conn); ok {
		h.b.sessions.release(c)
	}
}

// OnACLCheck allows reading what is the device's own. Writing never comes this way.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	if write {
		return cl.Net.Inline
	}
	c, ok := cl.Net.Conn.(*conn)
	return ok && c.rights != nil && c.rights.maySubscribe(topic)
}

// OnSubscribe bounds the filters of a client; those beyond are made invalid, so that mochi refuses them.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	room := h.b.config.Subscriptions - cl.State.Subscriptions.Len()
	for i := range pk.Filters {
		if _, again := cl.State.Subscriptions.Get(pk.Filters[i].Filter); again {
			continue
		}
		if room--; room < 0 {
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}

// mochi keeps the packet ids of both directions in one map: a SUBSCRIBE whose id happens to be that of
// a command under way is refused by it. Its own ids count up from 1, so those of SUBSCRIBE and
// UNSUBSCRIBE are moved to the other half and back again in the answer.
func otherHalf(id uint16) uint16 {
	if id == 0x8000 {
		return id
	}
	return id ^ 0x8000
}

// OnPacketRead moves the ids of subscriptions.
func (h *hook) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if t := pk.FixedHeader.Type; t == packets.Subscribe || t == packets.Unsubscribe {
		pk.PacketID = otherHalf(pk.PacketID)
	}
	return pk, nil
}

// OnPacketEncode moves them back.
func (h *hook) OnPacketEncode(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	if t := pk.FixedHeader.Type; t == packets.Suback || t == packets.Unsuback {
		pk.PacketID = otherHalf(pk.PacketID)
	}
	return pk
}

// OnPublishDropped counts a command that a client was too slow for.
func (h *hook) OnPublishDropped(*mqtt.Client, packets.Packet) { h.b.metrics.commandsDropped.Inc() }

// OnQosDropped counts a command whose session ended before it was acknowledged.
func (h *hook) OnQosDropped(*mqtt.Client, packets.Packet) { h.b.metrics.commandsDropped.Inc() }
