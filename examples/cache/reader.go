// How much is there? From memory, from Redis, from PostgreSQL.
//
//	go run examples/cache/reader.go REDIS-URL < SKUs, one on each line
//
// Connects to PostgreSQL as psql does. The relay runs beside it:
//
//	inv_relay -S shop --sink=redis --mode=delete --filter=inventory-filter \
//	    --publish=inventory-changes
//
// doc/caching.md says why each step is there. Run it in the folder that holds
// relay/, where the scripts are.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	mrand "math/rand"
	"os"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v4"
)

const (
	lease      = 3000     // ms in which a filler has to be done
	ttl        = 600000   // ms, a tenth more or less: not all expire together
	missingTTL = 10000    // of what is not there: it may come
	staleTTL   = 86400000 // of the last known answer
	localTTL   = time.Second
	changes    = "inventory-changes"
	filter     = "inventory-filter"
)

type level struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Available int64 `json:"available"`
}

// memory is of this process. The relay names each key that has changed. An
// answer that was asked for before the change must not be kept after it: so
// every key has a number that changes with it.
type memory struct {
	sync.Mutex
	entries map[string]entry
	numbers map[string]int
	number  int // of everything
}

type entry struct {
	value []byte
	until time.Time
}

type ticket struct{ all, one int }

func (m *memory) get(key string) ([]byte, ticket) {
	m.Lock()
	defer m.Unlock()
	t := ticket{m.number, m.numbers[key]}
	if e, found := m.entries[key]; found && time.Now().Before(e.until) {
		return e.value, t
	}
	return nil, t
}

func (m *memory) put(key string, value []byte, t ticket) {
	m.Lock()
	defer m.Unlock()
	if t == (ticket{m.number, m.numbers[key]}) {
		m.entries[key] = entry{value, time.Now().Add(localTTL)}
	}
}

func (m *memory) drop(key string) {
	m.Lock()
	defer m.Unlock()
	delete(m.entries, key)
	m.numbers[key]++
}

func (m *memory) dropAll() {
	m.Lock()
	defer m.Unlock()
	m.entries = map[string]entry{}
	m.numbers = map[string]int{}
	m.number++
}

type cache struct {
	pool                    *redis.Pool
	read, fill, filterCheck *redis.Script
	memory                  memory
	database                *pgx.Conn
}

var errDatabase = errors.New("the database is away")

func script(name string) *redis.Script {
	text, err := os.ReadFile("relay/lua/" + name + ".lua")
	if err != nil {
		log.Fatal(err)
	}
	return redis.NewScript(1, string(text))
}

// listen forgets everything whenever messages may have been lost.
func (c *cache) listen(url string, ready chan<- bool) {
	for {
		conn, err := redis.DialURL(url)
		if err == nil {
			channel := redis.PubSubConn{Conn: conn}
			err = channel.Subscribe(changes)
			for err == nil {
				switch message := channel.Receive().(type) {
				case redis.Subscription:
					c.memory.dropAll()
					select {
					case ready <- true:
					default:
					}
				case redis.Message:
					if len(message.Data) == 0 {
						c.memory.dropAll()
					} else {
						c.memory.drop(string(message.Data))
					}
				case error:
					err = message
				}
			}
			conn.Close()
		}
		c.memory.dropAll()
		time.Sleep(time.Duration(100+mrand.Intn(400)) * time.Millisecond)
	}
}

// level answers JSON, null if there is no such SKU, and from where it is.
func (c *cache) level(sku string) ([]byte, string, error) {
	key := "inventory:" + sku
	value, t := c.memory.get(key)
	if value != nil {
		return value, "memory", nil
	}
	conn := c.pool.Get()
	defer conn.Close()
	value, place, err := c.shared(conn, key, sku)
	if errors.Is(err, errDatabase) {
		// To be shown, not to be sold by: what is sold, PostgreSQL decides.
		value, err = redis.Bytes(conn.Do("GET", "last-known:"+sku))
		return value, "last known", err
	}
	if err != nil {
		// The database bears some of this: limit how many at a time.
		value, err = c.query(sku)
		return value, "database", err
	}
	c.memory.put(key, value, t)
	return value, place, nil
}

func (c *cache) shared(conn redis.Conn, key, sku string) ([]byte, string, error) {
	there, err := redis.Int(c.filterCheck.Do(conn, filter, sku))
	if err != nil || there == 0 {
		return []byte("null"), "filter", err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return nil, "", err
	}
	token := hex.EncodeToString(random)
	for attempt := 1; attempt <= 20; attempt++ {
		answer, err := redis.ByteSlices(c.read.Do(conn, key, token, lease))
		if err != nil {
			return nil, "", err
		}
		switch string(answer[0]) {
		case "hit":
			return answer[1], "Redis", nil
		case "lease":
			value, err := c.fillFrom(conn, key, sku, token)
			return value, "database", err
		}
		time.Sleep(time.Duration(5*attempt) * time.Millisecond)
	}
	value, err := c.query(sku)
	return value, "database", err
}

func (c *cache) fillFrom(conn redis.Conn, key, sku, token string) ([]byte, error) {
	value, err := c.query(sku)
	if err != nil {
		return nil, err
	}
	keep := ttl
	if string(value) == "null" {
		keep = missingTTL
	}
	keep += mrand.Intn(keep/5) - keep/10
	if _, err := c.fill.Do(conn, key, token, value, keep); err != nil {
		return nil, err
	}
	_, err = conn.Do("SET", "last-known:"+sku, value, "PX", staleTTL)
	return value, err
}

// query asks the primary: a replica may be behind what the relay has seen.
func (c *cache) query(sku string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if c.database == nil || c.database.IsClosed() {
		conn, err := pgx.Connect(ctx, "")
		if err != nil {
			return nil, errDatabase
		}
		c.database = conn
	}
	var found level
	err := c.database.QueryRow(ctx, `SELECT on_hand, reserved, available
		FROM inv_item_level WHERE sku = $1`, sku).
		Scan(&found.OnHand, &found.Reserved, &found.Available)
	if errors.Is(err, pgx.ErrNoRows) {
		return []byte("null"), nil
	}
	if err != nil {
		c.database.Close(ctx)
		return nil, errDatabase
	}
	return json.Marshal(found)
}

func main() {
	c := &cache{
		read: script("read"), fill: script("fill"), filterCheck: script("filter_check"),
		pool: &redis.Pool{Dial: func() (redis.Conn, error) {
			return redis.DialURL(os.Args[1], redis.DialReadTimeout(time.Second))
		}},
	}
	c.memory.dropAll()
	ready := make(chan bool, 1)
	go c.listen(os.Args[1], ready)
	select {
	case <-ready:
	case <-time.After(5 * time.Second):
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		value, place, err := c.level(lines.Text())
		var found *level
		if err == nil {
			err = json.Unmarshal(value, &found)
		}
		switch {
		case err != nil:
			fmt.Println(lines.Text(), "unavailable")
		case found == nil:
			fmt.Println(lines.Text(), "unknown", place)
		default:
			fmt.Println(lines.Text(), found.Available, place)
		}
	}
}
