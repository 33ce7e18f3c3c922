package main

import (
	"time"

	"lastgasp/protocols/broker"
	"lastgasp/protocols/mqtt"
)

// Config is all that can be set, one field a key: `database.url` in the file, LASTGASP_DATABASE_URL in the
// environment, --set database.url=... on the command line; the later of these three wins. The doc tags are
// what `headend config` and docs/configuration.md say of a key.
type Config struct {
	Zone      string            `koanf:"zone" doc:"IANA name of the zone in which days and months are cut; fixed when the database is made"`
	Database  DatabaseConfig    `koanf:"database" doc:"where readings and the registry are kept"`
	Ingest    IngestConfig      `koanf:"ingest" doc:"what is checked before a reading is stored, and how commits are grouped"`
	Broker    BrokerConfig      `koanf:"broker" doc:"the embedded MQTT broker: devices connect to the head-end itself"`
	MQTT      []MQTTConfig      `koanf:"mqtt" doc:"the utility's own MQTT brokers, an entry each"`
	Modbus    ModbusConfig      `koanf:"modbus" doc:"devices of the registry with protocol modbus, which are polled"`
	Detection DetectionConfig   `koanf:"detection" doc:"how interruptions are found"`
	Billing   BillingConfig     `koanf:"billing" doc:"what meters owe, what is done about what is missing, and what may be billed"`
	Codecs    mqtt.RouterConfig `koanf:"codecs" doc:"which topics carry which payload format; none: the native format below ami/v1"`
	HTTP      HTTPConfig        `koanf:"http" doc:"the API"`
	Webhooks  WebhooksConfig    `koanf:"webhooks" doc:"other systems that are told of events"`
	Access    AccessConfig      `koanf:"access" doc:"who may ask the API"`
	Log       LogConfig         `koanf:"log" doc:"what the program says of itself, on standard error"`
}

// DatabaseConfig says which database is used.
type DatabaseConfig struct {
	URL              string        `koanf:"url" secret:"url" doc:"postgres://user:password@host:5432/database; empty: a private PostgreSQL in private_dir; DATABASE_URL is read too"`
	URLFile          string        `koanf:"url_file" doc:"file with the url, mode 0600"`
	Engine           string        `koanf:"engine" oneof:"auto timescale postgres" doc:"auto, timescale or postgres; fixed when the database is made"`
	PrivateDir       string        `koanf:"private_dir" doc:"folder of the private PostgreSQL"`
	PrivatePort      int           `koanf:"private_port" max:"65535" doc:"its port on 127.0.0.1; 0: a free one"`
	Chunk            time.Duration `koanf:"chunk" min:"1h" doc:"length of a hypertable's chunk when the database is made"`
	Connections      int           `koanf:"connections" min:"4" max:"1000" doc:"most connections at once"`
	StatementTimeout time.Duration `koanf:"statement_timeout" min:"1s" doc:"longest a question of the API may keep the database busy"`
	Retain           time.Duration `koanf:"retain" doc:"readings and events older than this are dropped, their roll-ups stay; at least 90d; 0s keeps all"`
	RetainQuarantine time.Duration `koanf:"retain_quarantine" doc:"messages set aside longer ago than this are dropped; 0s keeps all"`
	MaxUnassigned    int           `koanf:"max_unassigned" doc:"most unknown devices that are registered by themselves and wait for a usage point"`
}

// IngestConfig bounds what is stored.
type IngestConfig struct {
	MaxAge     time.Duration `koanf:"max_age" min:"1h" doc:"a reading older than this goes to quarantine"`
	MaxAhead   time.Duration `koanf:"max_ahead" min:"1s" doc:"a reading this far in the future goes to quarantine"`
	DoubtAhead time.Duration `koanf:"doubt_ahead" min:"1s" doc:"a reading this far in the future is stored as one of a doubtful clock"`
	Group      int           `koanf:"group" min:"1" doc:"readings and events at which a commit takes no more"`
	Committers int           `koanf:"committers" min:"1" max:"64" doc:"commits under way at once"`
}

// BrokerConfig is the embedded broker, with a switch.
type BrokerConfig struct {
	Enabled       bool     `koanf:"enabled" doc:"false: no device connects here"`
	Publish       []string `koanf:"publish" doc:"topic filters a device may publish to beside ami/v1/{device}/#; {device} stands for its id"`
	broker.Config `koanf:",squash"`
}

// MQTTConfig is one external broker.
type MQTTConfig struct {
	Insecure    bool `koanf:"insecure" doc:"true: tcp:// may leave this machine, passwords and reads in the clear"`
	mqtt.Config `koanf:",squash"`
}

// ModbusConfig says how devices are polled; which ones is in the registry, what is asked in their profiles.
type ModbusConfig struct {
	Enabled        bool          `koanf:"enabled" doc:"false: nothing is polled"`
	Profiles       string        `koanf:"profiles" doc:"folder with profiles of your own, over and beside those that come with the program"`
	ConnectTimeout time.Duration `koanf:"connect_timeout" min:"100ms" doc:"for making a connection"`
	ReconnectMost  time.Duration `koanf:"reconnect_most" min:"100ms" doc:"longest pause before a connection is tried again"`
	ProbeMost      time.Duration `koanf:"probe_most" min:"100ms" doc:"longest pause before a unit that does not answer is asked again"`
}

// DetectionConfig says how interruptions are found. Of several head-ends on one database one detects.
type DetectionConfig struct {
	Enabled bool          `koanf:"enabled" doc:"false: this head-end never detects; another one may"`
	Every   time.Duration `koanf:"every" min:"100ms" doc:"how often the ledger is derived from what has come in"`
	Window  time.Duration `koanf:"window" min:"24h" doc:"how late evidence may come and still revise the ledger"`
	Hold    time.Duration `koanf:"hold" min:"1s" doc:"from the loss of supply to the last gasp, where gasps carry no time"`
	Spread  time.Duration `koanf:"spread" min:"1s" doc:"in which the gasps of one outage arrive after that; over PLC up to 1h"`
	Settle  time.Duration `koanf:"settle" min:"1m" doc:"how long all must have supply again before an outage is closed"`
	Fresh   time.Duration `koanf:"fresh" min:"1s" doc:"how long a breaker's position counts that nobody has confirmed"`
	MakesUp []string      `koanf:"makes_up" doc:"ids of gateways that send last gasps for all their meters when their own supply fails; * stands for any text"`
}

// HTTPConfig is the API's listener.
type HTTPConfig struct {
	Listen   string    `koanf:"listen" doc:"host:port; empty: no API"`
	Insecure bool      `koanf:"insecure" doc:"true: may be reached from other machines without TLS"`
	Hosts    []string  `koanf:"hosts" doc:"names it is asked by, beside localhost and the address it listens on; requests for others are refused"`
	TLS      ServerTLS `koanf:"tls" doc:"certificate and key; both or neither"`
}

// ServerTLS is what a server needs for TLS.
type ServerTLS struct {
	Certificate string `koanf:"certificate" doc:"PEM file, chain included"`
	Key         string `koanf:"key" doc:"PEM file, mode 0600"`
}

// WebhooksConfig says how other systems are told of events; which ones is in the database.
type WebhooksConfig struct {
	Enabled  bool          `koanf:"enabled" doc:"false: this head-end delivers none; another one may"`
	KeyFile  string        `koanf:"key_file" doc:"key that seals their secrets, mode 0600; made when first needed; the same for all head-ends on one database"`
	Allow    []string      `koanf:"allow" doc:"networks or addresses that may be called though they are not public, such as 10.20.0.0/16"`
	Insecure bool          `koanf:"insecure" doc:"true: http:// may be called, in the clear"`
	Attempts int           `koanf:"attempts" min:"1" max:"100" doc:"after which a delivery is given up; 16 take about 7 hours"`
	Timeout  time.Duration `koanf:"timeout" min:"100ms" doc:"longest an attempt may take"`
	Workers  int           `koanf:"workers" min:"1" max:"256" doc:"requests at once, of which one webhook has at most a quarter"`

	Completeness int `koanf:"completeness" min:"0" max:"100" doc:"percent of the registers owed on a day, below which completeness.low is told of an organisation; 0: never"`
}

// AccessConfig says how long who has logged in may stay, and how often may be asked.
type AccessConfig struct {
	Session     time.Duration `koanf:"session" min:"5m" doc:"a session ends after this, whatever is done"`
	Idle        time.Duration `koanf:"idle" min:"1m" doc:"a session ends after this without a request"`
	Rate        int           `koanf:"rate" min:"1" max:"100000" doc:"requests of one user or token in a second; four times as many at once"`
	Proxies     []string      `koanf:"proxies" doc:"addresses or networks of proxies whose X-Forwarded-For is believed"`
	SecureProxy bool          `koanf:"secure_proxy" doc:"true: browsers come over TLS through a proxy, so cookies and headers are made for TLS"`
	OIDC        OIDCConfig    `koanf:"oidc" doc:"an identity provider through which people may log in too (OpenID Connect)"`
}

// OIDCConfig names an identity provider. Accounts are bound to subjects there by headend user.
type OIDCConfig struct {
	Issuer           string `koanf:"issuer" doc:"https://..., exactly as its discovery document has it; empty: none"`
	ClientID         string `koanf:"client_id" doc:"of this head-end at the provider"`
	ClientSecretFile string `koanf:"client_secret_file" doc:"file with its secret there, mode 0600; read at each login, so it can be changed"`
	Name             string `koanf:"name" doc:"of the provider, on the login page; empty: the host of the issuer"`
}

// LogConfig says how much is said and in what form.
type LogConfig struct {
	Level  string `koanf:"level" oneof:"debug info warn error" doc:"debug, info, warn or error"`
	Format string `koanf:"format" oneof:"text json" doc:"text or json"`
}

// Defaults is the configuration of a file with nothing in it.
func Defaults() Config {
	return Config{
		Zone: "Asia/Ho_Chi_Minh",
		Database: DatabaseConfig{
			Engine:           "auto",
			PrivateDir:       "./var/postgres",
			Chunk:            24 * time.Hour,
			Connections:      16,
			StatementTimeout: 30 * time.Second,
			RetainQuarantine: 180 * 24 * time.Hour,
			MaxUnassigned:    100_000,
		},
		Ingest: IngestConfig{
			MaxAge:     730 * 24 * time.Hour, // meters bring back two years of their memory after an exchange of modems
			MaxAhead:   24 * time.Hour,
			DoubtAhead: 5 * time.Minute,
			Group:      100_000,
			Committers: 2,
		},
		Broker: BrokerConfig{Enabled: true, Config: broker.Config{
			Listen:             "127.0.0.1:1883",
			MaxConnections:     100_000,
			ConnectRate:        2_000,
			ConnectTimeout:     20 * time.Second,
			WriteTimeout:       10 * time.Second,
			StopTimeout:        20 * time.Second,
			SessionExpiry:      24 * time.Hour,
			MaxPacketBytes:     256 << 10,
			MaxBufferBytes:     64 << 20,
			InFlight:           1024,
			BatchMessages:      4096,
			BatchBytes:         4 << 20,
			BatchDelay:         2 * time.Millisecond,
			Accepts:            3,
			ConnectionsADevice: 16,
			SessionsADevice:    4,
			Subscriptions:      32,
			ForeignTopics:      1,
		}},
		Modbus: ModbusConfig{Enabled: true, ConnectTimeout: 5 * time.Second, ReconnectMost: 30 * time.Second, ProbeMost: time.Minute},
		Detection: DetectionConfig{Enabled: true, Every: time.Second, Window: 72 * time.Hour, Hold: 37 * time.Second, Spread: time.Minute,
			Settle: 15 * time.Minute, Fresh: 5 * time.Minute},
		Billing:  defaultBilling(),
		Codecs:   mqtt.RouterConfig{Limits: mqtt.Limits{Bytes: 256 << 10, Depth: 16, Readings: 100_000, Batches: 5_000, Events: 5_000}},
		HTTP:     HTTPConfig{Listen: "127.0.0.1:8080"},
		Webhooks: WebhooksConfig{Enabled: true, KeyFile: "./var/webhook.key", Attempts: 16, Timeout: 10 * time.Second, Workers: 16, Completeness: 98},
		Access:   AccessConfig{Session: 12 * time.Hour, Idle: 2 * time.Hour, Rate: 50},
		Log:      LogConfig{Level: "info", Format: "text"},
	}
}
