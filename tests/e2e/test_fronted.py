"""Routes through a front, through proxies, and through filters that count bytes: real nginx as CDN and origin, real proxies,
`landfall` as users run it. Traffic stays on loopback."""
import json
import unittest

import lab
from front import DIRECT, INNER, Front, Names, OwnServer, Proxy, Relay
from lab import NETWORK, SECRET


class WithFront(lab.WithLab):
    def setUp(self):
        super().setUp()
        self.front = Front(self.lab.folder, self.lab.nginx)
        self.addCleanup(self.front.kill)

    def serve(self, document):
        super().serve(good=document)
        self.front.start()

    def route(self, *fronts, **more):
        return {"kind": "fronted", "name": "fronted", "url": f"https://{INNER}/{SECRET}-good/", "fronts": list(fronts),
                "ca": self.lab.nginx.ca, **more}

    def names(self):
        names = Names()
        self.addCleanup(names.close)
        return names

    def relay(self, to, **how):
        relay = Relay(to, **how)
        self.addCleanup(relay.close)
        return relay

    def lanes(self, *routes, settings="", expect=200):
        """How the lanes of one race ended, by route."""
        with self.lab.sidecar("a", *routes, settings=settings) as sidecar:
            sidecar.peers(expect=expect, wait=15 if expect == 200 else 5)
            return {lane["route"]: lane for lane in sidecar.ask("/v1/explain")[1]["lanes"]}


class Fronted(WithFront):
    def test_the_front_is_named_outside_and_the_inner_host_inside(self):
        self.serve(self.publisher.list(1))
        names = self.names()
        wire = self.relay(self.front.port)
        with self.lab.sidecar("a", self.route(f"front-a.test@127.0.0.1:{wire.port}"),
                              settings=f'[dns]\nresolvers = ["{names.address}"]') as sidecar:
            answer = sidecar.peers()
            self.assertEqual(answer["peers"][0]["tier"], "A")
            self.assertEqual([(r["kind"], r["last"]) for r in sidecar.status()["routes"]], [("fronted", "won")])
        self.assertEqual(self.front.requests(),
                         [("front-a.test", INNER, "HTTP/2.0", "200", f"/{SECRET}-good/v1/{NETWORK}/public-0/list")])
        self.assertIn(b"front-a.test", wire.first_bytes[0])
        self.assertNotIn(INNER.encode(), wire.first_bytes[0])
        self.assertEqual(names.asked, [], "a front with its address needs no look-up")

    def test_a_front_without_address_is_looked_up_and_the_inner_host_never(self):
        self.serve(self.publisher.list(1))
        names = self.names()
        lanes = self.lanes(self.route("front-a.test"), settings=f'[dns]\nresolvers = ["{names.address}"]', expect=503)
        self.assertEqual((lanes["fronted"]["outcome"], lanes["fronted"]["stage"]), ("unreachable", "resolve"))
        self.assertTrue(names.asked)
        for query in names.asked:
            self.assertIn(b"\x07front-a\x04test\x00", query.lower())

    def test_without_a_name_in_the_hello_the_certificate_is_still_the_fronts(self):
        self.serve(self.publisher.list(1))
        self.assertEqual(self.lanes(self.route(self.front.at("front-a.test"), sni="off"))["fronted"]["outcome"], "won")
        self.assertEqual([(sni, host) for sni, host, *_ in self.front.requests()], [("-", INNER)])
        lanes = self.lanes(self.route(self.front.at("other.test"), sni="off", name="other"), expect=200)
        self.assertNotEqual(lanes.get("other", {}).get("outcome"), "won")
        self.assertEqual(len(self.front.requests()), 1, "a front with another's certificate is not asked")

    def test_a_certificate_for_the_inner_host_is_none_for_the_front(self):
        self.serve(self.publisher.list(1))
        lanes = self.lanes(self.route(self.front.at("other.test")), expect=503)
        self.assertEqual(lanes["fronted"]["outcome"], "tls_certificate")
        self.assertEqual(self.front.requests(), [])

    def test_fronts_that_refuse_in_every_way(self):
        self.serve(self.publisher.list(1))
        for name, code in {"forbids.test": 403, "misdirects.test": 421, "knows-not.test": 530, "redirects.test": 302,
                           "shows-itself.test": 200}.items():
            with self.subTest(front=name):
                with self.lab.sidecar(name, self.route(self.front.at(name))) as sidecar:
                    sidecar.peers(expect=503, wait=5)
                    [lane] = sidecar.ask("/v1/explain")[1]["lanes"]
                    self.assertEqual((lane["outcome"], lane["stage"]), ("front_refused", "body"), lane)
                    self.assertEqual([r["last"] for r in sidecar.status()["routes"]], ["front_refused"])
        self.assertEqual(len(self.front.requests()), 5, "no redirect is followed")

    def test_the_next_front_is_tried_in_the_same_lane_three_at_most(self):
        self.serve(self.publisher.list(1))
        closed = f"front-a.test@127.0.0.1:{lab.free_port()}"
        # Wherever the rotation starts, the good one is among the first three.
        fronts = [closed, self.front.at("forbids.test"), self.front.at("front-b.test")]
        self.assertEqual(self.lanes(self.route(*fronts))["fronted"]["outcome"], "won")
        bad = [self.front.at(name) for name in ("forbids.test", "misdirects.test", "redirects.test", "knows-not.test")]
        before = len(self.front.requests())
        with self.lab.sidecar("b", self.route(*bad)) as sidecar:
            # Three in the first lane. Each waits for a day by itself, so the next lane finds the fourth alone.
            for _ in range(3):
                sidecar.peers(expect=503, wait=5)
                sidecar.ask("/v1/refresh", "POST")
        self.assertEqual(len(self.front.requests()) - before, 4)

    def test_roots_come_through_fronts_too(self):
        self.serve(self.publisher.list(1))
        with self.lab.sidecar("a", self.route(self.front.at("front-a.test"), self.front.at("front-b.test"))) as sidecar:
            sidecar.peers()
            self.assertEqual(sidecar.ask("/v1/refresh", "POST")[0], 202)
        self.assertEqual({sni for sni, *_ in self.front.requests()} - {"front-a.test", "front-b.test"}, set())


class Curtain(WithFront):
    """16 KB to the client, then silence (censorship.md, S14)."""

    def through(self, wire, route):
        with self.lab.sidecar("a", route) as sidecar:
            answer = sidecar.peers(wait=40)
            self.assertEqual(answer["peers"][0]["tier"], "A")
        self.assertEqual(wire.at_once, 1, "one connection at a time")
        self.assertGreater(len(wire.given), 1)
        for given in wire.given[1:]:
            self.assertLessEqual(given, 14_000)

    def direct(self, wire):
        return {"kind": "https", "name": "direct", "url": f"https://127.0.0.1:{wire.port}/{SECRET}-good/", "ca": self.lab.nginx.ca}

    def test_a_direct_route_to_nginx_is_resumed(self):
        self.serve(self.publisher.list(1, peers=256))
        wire = self.relay(self.lab.nginx.port, curtain=15_000)
        self.through(wire, self.direct(wire))

    def test_a_direct_route_to_our_own_server_is_resumed(self):
        self.lab.nginx.put("good", self.publisher.list(1, peers=256))
        server = OwnServer(self.lab.folder, self.lab.nginx, "good")
        self.addCleanup(server.close)
        wire = self.relay(server.port, curtain=15_000)
        self.through(wire, self.direct(wire))

    def test_a_fronted_route_is_resumed_on_the_same_front(self):
        self.serve(self.publisher.list(1, peers=256))
        wire = self.relay(self.front.port, curtain=16_000)
        self.through(wire, self.route(f"front-a.test@127.0.0.1:{wire.port}"))
        self.assertEqual({sni for sni, *_ in self.front.requests()}, {"front-a.test"})


class Hello(WithFront):
    def test_a_split_hello_is_two_records_with_the_name_in_neither(self):
        self.serve(self.publisher.list(1))
        wire = self.relay(self.front.port)
        route = self.route(f"front-a.test@127.0.0.1:{wire.port}", split_hello=True)
        self.assertEqual(self.lanes(route)["fronted"]["outcome"], "won")
        sent = wire.first_bytes[0]
        self.assertEqual(sent[0], 22)
        first = int.from_bytes(sent[3:5], "big")
        self.assertEqual(sent[5 + first], 22, "a second handshake record")
        self.assertNotIn(b"front-a.test", sent)
        second = int.from_bytes(sent[8 + first:10 + first], "big")
        hello = sent[5:5 + first] + sent[10 + first:10 + first + second]
        self.assertEqual((hello[0], int.from_bytes(hello[1:4], "big")), (1, len(hello) - 4), "one ClientHello in two")
        self.assertIn(b"front-a.test", hello)


class Proxied(WithFront):
    """Everything goes through upstream_proxy: names are resolved by it, and nothing passes it by."""

    def fetched(self, kind, **login):
        self.serve(self.publisher.list(1))
        proxy = Proxy(self.lab.folder, kind, [DIRECT], **login)
        self.addCleanup(proxy.close)
        names = self.names()
        direct = {"kind": "https", "name": "direct", "url": f"https://{DIRECT}:{self.front.port}/{SECRET}-good/",
                  "ca": self.lab.nginx.ca}
        for route in (direct, self.route(self.front.at("front-a.test"))):
            wire = self.relay(proxy.port)
            url = proxy.url.replace(str(proxy.port), str(wire.port))
            with self.lab.sidecar(route["name"], route, settings=f'upstream_proxy = "{url}"\n[dns]\nresolvers = ["{names.address}"]') as one:
                one.peers()
            self.assertEqual(len(wire.given), 1, "one connection, and it is the proxy's")
            self.assertNotIn(INNER.encode(), wire.first_bytes[0], "the proxy is not told the inner host")
            if route is direct:
                self.assertIn(DIRECT.encode(), wire.first_bytes[0], "the proxy is told the name")
        self.assertEqual([(sni, host, status) for sni, host, _, status, _ in self.front.requests()],
                         [(DIRECT, DIRECT, "200"), ("front-a.test", INNER, "200")])
        self.assertEqual(names.asked, [], "no look-up of ours")

    def test_socks5(self):
        self.fetched("microsocks")

    def test_socks5_with_a_password(self):
        self.fetched("microsocks", user="user", password="word")

    def test_http_connect(self):
        self.fetched("tinyproxy")

    def test_http_connect_with_a_password(self):
        self.fetched("tinyproxy", user="user", password="word")

    def test_a_proxy_that_is_gone_or_refuses_is_proxy_failed(self):
        self.serve(self.publisher.list(1))
        proxy = Proxy(self.lab.folder, "microsocks", [], user="user", password="word")
        self.addCleanup(proxy.close)
        for name, url in {"gone": f"socks5://127.0.0.1:{lab.free_port()}", "login": f"socks5://127.0.0.1:{proxy.port}",
                          "other": f"http://127.0.0.1:{proxy.port}"}.items():
            with self.subTest(proxy=name), self.lab.sidecar(name, self.lab.route("good"),
                                                            settings=f'upstream_proxy = "{url}"') as sidecar:
                sidecar.peers(expect=503, wait=5)
                [lane] = sidecar.ask("/v1/explain")[1]["lanes"]
                self.assertEqual(lane["outcome"], "proxy_failed", lane)
        self.assertEqual(self.lab.nginx.requests(), [], "fail closed")

    def test_check_says_what_it_turns_off(self):
        sidecar = self.lab.sidecar("a", self.lab.route("good"), settings='upstream_proxy = "socks5://proxy.test:1080"')
        warnings = json.loads(sidecar.command("check", "--json")[0])["warnings"]
        for what in ("dht", "lan", "UDP", "plaintext DNS", "transports"):
            self.assertTrue(any(f"upstream_proxy turns off {what}" in warning for warning in warnings), (what, warnings))
        self.assertTrue(any("its name" in warning for warning in warnings), warnings)


if __name__ == "__main__":
    unittest.main(verbosity=2)
