"""Texts of a grammar in GBNF, drawn at random: what a model that follows it could write."""
import random
import re

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{\d+(?:,\d+)?\}|[()|?]|[a-zA-Z0-9-]+')


def unescape(text):
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", lambda m: {"n": "\n"}.get(m[1], chr(int(m[1][1:], 16)) if len(m[1]) == 3 else m[1]), text)


def letters(text):
    """Those of a class that are printable ASCII."""
    text, out = text[1:-1], set()
    negated, text = text.startswith("^"), text.removeprefix("^")
    text = unescape(text)
    i = 0
    while i < len(text):
        last = text[i + 2] if text[i + 1:i + 2] == "-" and i + 2 < len(text) else text[i]
        out |= {chr(c) for c in range(ord(text[i]), ord(last) + 1)}
        i += 1 if last == text[i] else 3
    return sorted({chr(c) for c in range(32, 127)} - out if negated else out)


class Grammar:
    def __init__(self, text):
        self.rules = {}
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            self.tokens = TOKEN.findall(body)
            self.rules[name] = self.alternatives()
            assert not self.tokens, line

    def alternatives(self):
        found = [[]]
        while self.tokens and self.tokens[0] != ")":
            token = self.tokens.pop(0)
            if token == "|":
                found.append([])
                continue
            if token == "(":
                item = ("any", self.alternatives())
                assert self.tokens.pop(0) == ")"
            elif token[0] == '"':
                item = ("text", unescape(token[1:-1]))
            elif token[0] == "[":
                item = ("class", letters(token))
            else:
                item = ("rule", token)
            least = most = 1
            if self.tokens and self.tokens[0] == "?":
                self.tokens.pop(0)
                least = 0
            elif self.tokens and self.tokens[0][0] == "{":
                times = self.tokens.pop(0)[1:-1].split(",")
                least, most = int(times[0]), int(times[-1])
            found[-1].append((item, least, most))
        return found

    def draw(self, seed, rule="root", most=1500):
        """A text; None: it became too long, or too deep."""
        dice, out = random.Random(seed), []

        def put(item, depth):
            kind, of = item
            if depth > 60 or sum(map(len, out)) > most:
                raise OverflowError
            if kind == "text":
                out.append(of)
            elif kind == "class":
                out.append(dice.choice(of))
            else:
                for inner, low, high in dice.choice(self.rules[of] if kind == "rule" else of):
                    times = low
                    while times < high and dice.random() < .3:
                        times += 1
                    for _ in range(times):
                        put(inner, depth + 1)

        try:
            put(("rule", rule), 0)
        except OverflowError:
            return None
        return "".join(out)
