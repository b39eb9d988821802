"""SELECT statements by a grammar and a seed, over the tables of TABLES: the same number makes the same statement. A table stands as {people} in
the text. What may raise is over one table's columns, and listed beside the statement: [(table, expression over its bare columns)]."""
import random

# column → the kind of its values as a principal sees them, behind its mask
TABLES = {
    "people": {"id": "text", "name": "text", "email": "text", "token": "text", "born": "int", "bonus": "num", "score": "num", "digits": "text", "secret": "text", "since": "date", "member": "bool", "grade": "int"},
    "jobs": {"job": "int", "name": "text", "title": "text", "pay": "num", "rate": "num", "opened": "date", "seen": "time", "number": "text", "open": "bool"},
    "orders": {"number": "int", "job": "int", "name": "text", "amount": "num", "at": "date", "note": "text"},
    "tags": {"name": "text", "tag": "text", "weight": "int", "words": "list"},
}
JOINS = [("people", "jobs", "name"), ("people", "orders", "name"), ("jobs", "orders", "job"), ("people", "tags", "name"), ("orders", "tags", "name"), ("jobs", "tags", "name"), ("people", "people", "name"), ("orders", "orders", "job")]
TEXTS = ["n1", "n2", "n13", "", "active", "a", "7", "tok_", "Engineer", "%1%", "n%", "ü"]
# which raise on what is hidden; {c} a column
RAISES = {"text": ["{c}::INTEGER", "{c}::DOUBLE", "{c}::DATE", "({c} || '0')::BIGINT", "left({c}, length({c}) - 2)", "chr(length({c}) - 2)", "unhex({c})", "[{c}]::INTEGER[]", "list_transform([{c}], x -> x::INTEGER)", "{c}::UUID", "'n1' SIMILAR TO {c}", "strptime({c}, '%Y')", "{c}::JSON"],
          "int": ["chr({c}::INTEGER)", "sqrt({c})", "ln({c})", "{c}::UTINYINT", "make_date(2024, 1 + {c}::INTEGER % 12, 1)", "factorial({c}::INTEGER % 9)", "{c} * 4611686018427387904"], "num": ["sqrt({c})", "{c}::UTINYINT", "ln({c}::DOUBLE)", "chr({c}::INTEGER)"],
          "date": ["make_date(year({c}) - 1990, month({c}), 1)", "date_trunc(CASE WHEN {c} < DATE '1900-01-01' THEN 'x' ELSE 'year' END, {c})", "chr(year({c})::INTEGER - 1900)"], "time": ["chr(year({c})::INTEGER - 1900)"], "bool": ["CASE WHEN {c} IS NULL THEN error('null') ELSE 1 END"],
          "list": ["{c}::INTEGER[]", "list_transform({c}, x -> x::INTEGER)", "array_value({c}[1], {c}[2])::INTEGER[2]"]}


class Statement:
    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}:{number}")
        self.raising = []
        self.aliases = 0
        self.risky = self.chance(0.35)  # a statement of the others raises nothing
        self.text = self.query(0)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *choices):
        return self.random.choice(choices)

    # ---- FROM ----

    def alias(self, table):
        self.aliases += 1
        return f"{table[0]}{self.aliases}"

    def source(self, depth):
        """(text, [(column as written, kind, table, bare column)])"""
        if depth < 2 and self.chance(0.12):
            return self.derived(depth)
        if self.chance(0.5):
            return self.join(depth)
        table = self.pick(*TABLES)
        return self.table(table)

    def table(self, table):
        alias = self.alias(table)
        sample = self.pick("", "", "", "", "", "", " TABLESAMPLE 100%")
        return f"{{{table}}} AS {alias}{sample}", [(f"{alias}.{column}", kind, table, column) for column, kind in TABLES[table].items()]

    def derived(self, depth):
        text, columns = self.table(self.pick(*TABLES))
        alias = self.alias("sub")
        shown = self.random.sample(columns, min(4, len(columns)))
        where = f" WHERE {self.condition(columns, depth + 1)}" if self.chance(0.5) else ""
        distinct = self.pick("", "", "DISTINCT ")
        inner = f"SELECT {distinct}{', '.join(c[0] for c in shown)} FROM {text}{where}" + self.pick("", "", "", f" ORDER BY ALL LIMIT {self.random.randint(1, 60)}")
        return f"({inner}) AS {alias}", [(f"{alias}.{bare}", kind, table, bare) for _, kind, table, bare in shown]

    def join(self, depth):
        left, right, key = self.pick(*JOINS)
        a, columns_a = self.table(left)
        b, columns_b = self.table(right)
        alias_a, alias_b = (columns[0][0].split(".")[0] for columns in (columns_a, columns_b))
        kind = self.pick("JOIN", "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN")
        on = f"{alias_a}.{key} = {alias_b}.{key}"
        if self.chance(0.3):
            on += f" AND {self.condition(columns_a + columns_b, depth + 1, plain=kind == 'FULL JOIN')}"
        columns = columns_a if kind in ("SEMI JOIN", "ANTI JOIN") else columns_a + columns_b
        return f"{a} {kind} {b} ON {on}", columns

    # ---- expressions ----

    def column(self, columns, *kinds):
        of_kind = [column for column in columns if column[1] in kinds]
        return self.random.choice(of_kind) if of_kind else None

    def value(self, columns):
        """An expression and its kind."""
        column = self.random.choice(columns)
        name, kind, table, bare = column
        if self.risky and kind in RAISES and self.chance(0.4):
            form = self.pick(*RAISES[kind])
            self.raising.append((table, form.format(c=bare)))
            return form.format(c=name), "raises"
        if kind == "text":
            return self.pick(name, f"upper({name})", f"length({name})", f"{name} || 'x'", f"substring({name}, 1, 3)", f"coalesce({name}, 'none')", f"replace({name}, 'n', 'm')", f"md5({name})", f"contains({name}, '1')", f"nullif({name}, 'n1')"), "some"
        if kind in ("int", "num"):
            return self.pick(name, f"{name} + 1", f"{name} % 7", f"-{name}", f"{name} * 2", f"abs({name})", f"coalesce({name}, 0)", f"CASE WHEN {name} > 5 THEN 'much' ELSE 'little' END", f"greatest({name}, 3)", f"{name}::VARCHAR", f"{name} / 4"), "some"
        if kind in ("date", "time"):
            return self.pick(name, f"year({name})", f"month({name})", f"date_trunc('month', {name})", f"{name} - INTERVAL 1 DAY", f"strftime({name}, '%Y-%m')", f"datediff('day', {name}, DATE '2024-01-01')"), "some"
        if kind == "list":
            return self.pick(name, f"len({name})", f"{name}[1]", f"list_sort({name})", f"list_contains({name}, 'w1')", f"array_to_string({name}, '-')", f"list_transform({name}, x -> upper(x))"), "some"
        return self.pick(name, f"NOT {name}", f"{name} IS NULL"), "some"

    def atom(self, columns):
        name, kind, _, _ = self.random.choice(columns)
        if self.risky and self.chance(0.3):
            return f"{self.value(columns)[0]} IS NOT NULL"
        if kind == "text":
            return self.pick(f"{name} = '{self.pick(*TEXTS)}'", f"{name} LIKE '{self.pick(*TEXTS)}'", f"{name} < '{self.pick(*TEXTS)}'", f"length({name}) > {self.random.randint(0, 8)}", f"{name} IS NULL", f"{name} IN ('n1', 'n7', 'a', NULL)", f"starts_with({name}, 'n')", f"{name} NOT ILIKE 'N1%'")
        if kind in ("int", "num"):
            number = self.random.randint(-5, 90)
            return self.pick(f"{name} > {number}", f"{name} = {number}", f"{name} BETWEEN {number} AND {number + 20}", f"{name} IS NOT NULL", f"{name} % 3 = 1", f"{name} IN ({number}, {number + 1}, {number + 5})", f"{name} <> {number}", f"{name} IS DISTINCT FROM {number}")
        if kind in ("date", "time"):
            return self.pick(f"{name} > DATE '2020-06-0{self.random.randint(1, 9)}'", f"year({name}) = 2021", f"{name} IS NULL", f"{name} < '2022-01-01'")
        if kind == "list":
            return self.pick(f"len({name}) > 1", f"list_contains({name}, 'w2')", f"{name} IS NOT NULL", f"{name}[1] = 'w3'")
        return self.pick(name, f"{name} IS NOT TRUE", f"NOT {name}")

    def condition(self, columns, depth, plain=False):
        parts = []
        for _ in range(self.pick(1, 1, 2, 3)):
            parts.append(self.subquery(columns, depth) if not plain and depth < 2 and self.chance(0.15) else self.atom(columns))
        text = parts[0]
        for part in parts[1:]:
            text = f"({text} {self.pick('AND', 'AND', 'OR')} {part})"
        return f"NOT ({text})" if self.chance(0.1) else text

    def subquery(self, columns, depth):
        table = self.pick(*TABLES)
        text, inner = self.table(table)
        outer = self.column(columns, "text")
        mine = self.column(inner, "text")
        where = f" WHERE {self.condition(inner, depth + 1)}" if self.chance(0.6) else ""
        if not outer or self.chance(0.2):
            number = self.column(inner, "int", "num")
            return f"(SELECT count({number[0] if number else '*'}) FROM {text}{where}) > {self.random.randint(0, 200)}"
        if self.chance(0.5):
            return f"{outer[0]} {self.pick('IN', 'NOT IN')} (SELECT {mine[0]} FROM {text}{where})"
        correlated = f"{mine[0]} = {outer[0]}"
        return f"{self.pick('', 'NOT ')}EXISTS (SELECT 1 FROM {text} WHERE {correlated} AND {self.condition(inner, depth + 2)})"

    def aggregate(self, columns):
        number, any_ = self.column(columns, "int", "num"), self.random.choice(columns)[0]
        inner = self.value(columns)[0]
        calls = ["count(*)", f"count({any_})", f"count(DISTINCT {any_})", f"min({any_})", f"max({any_})", f"count({inner})", f"min({inner})", f"list_sort(list(DISTINCT {any_}))", f"bool_or({self.atom(columns)})", f"count(*) FILTER (WHERE {self.atom(columns)})"]
        if number:
            calls += [f"sum({number[0]})", f"avg({number[0]})", f"sum(DISTINCT {number[0]})", f"max({number[0]}) - min({number[0]})", f"median({number[0]})"]
        return self.pick(*calls)

    def window(self, columns):
        partition, number = self.random.choice(columns)[0], self.column(columns, "int", "num")
        over = f"OVER (PARTITION BY {partition}" + (f" ORDER BY {number[0]})" if number else ")")
        return self.pick(f"count(*) {over}", f"rank() {over}" if number else f"count(*) {over}", f"dense_rank() {over}" if number else f"count({partition}) {over}", f"min({partition}) {over}", f"sum({number[0]}) OVER (PARTITION BY {partition})" if number else f"count(*) OVER (PARTITION BY {partition})")

    # ---- queries ----

    def select(self, depth):
        text, columns = self.source(depth)
        where = f" WHERE {self.condition(columns, depth)}" if self.chance(0.7) else ""
        form = self.pick("plain", "plain", "plain", "group", "group", "total", "distinct", "window", "star")
        if form == "group":
            keys = [self.pick(self.random.choice(columns)[0], self.value(columns)[0]) for _ in range(self.pick(1, 1, 2))]
            having = f" HAVING {self.pick('count(*) > 1', 'count(*) < 9', f'min({self.random.choice(columns)[0]}) IS NOT NULL')}" if self.chance(0.3) else ""
            group = self.pick("ALL", "ALL", ", ".join(str(i + 1) for i in range(len(keys))), f"ROLLUP ({', '.join(keys)})", f"GROUPING SETS (({', '.join(keys)}), ())")
            return f"SELECT {', '.join(keys)}, {self.aggregate(columns)}, {self.aggregate(columns)} FROM {text}{where} GROUP BY {group}{having}"
        if form == "total":
            return f"SELECT {self.aggregate(columns)}, {self.aggregate(columns)} FROM {text}{where}"
        if form == "star":
            return f"SELECT * FROM {text}{where}"
        items = [self.value(columns)[0] for _ in range(self.pick(1, 2, 3))]
        if form == "window":
            qualify = f" QUALIFY rank() OVER (ORDER BY {columns[0][0]}) < {self.random.randint(2, 30)}" if self.chance(0.3) else ""
            return f"SELECT {', '.join(items)}, {self.window(columns)} FROM {text}{where}{qualify}"
        return f"SELECT {'DISTINCT ' if form == 'distinct' else ''}{', '.join(items)} FROM {text}{where}"

    def query(self, depth):
        form = self.random.random()
        if form < 0.08:
            text, columns = self.table(self.pick(*TABLES))
            other, others = self.table(self.pick(*TABLES))
            a, b = self.column(columns, "text")[0], self.column(others, "text")[0]
            return f"SELECT {a} FROM {text} WHERE {self.condition(columns, 1)} {self.pick('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT')} SELECT {b} FROM {other} WHERE {self.condition(others, 1)}"
        if form < 0.16:
            text, columns = self.table(self.pick(*TABLES))
            kept = self.random.sample(columns, min(3, len(columns)))
            shown = [(f"w.{bare}", kind, table, bare) for _, kind, table, bare in kept]
            inner = f"SELECT {', '.join(c[0] for c in kept)} FROM {text} WHERE {self.condition(columns, 1)}"
            return f"WITH w AS {self.pick('', 'MATERIALIZED ')}({inner}) SELECT {self.value(shown)[0]}, {self.pick('1', 'w')} FROM w WHERE {self.condition(shown, 1)}"
        text = self.select(depth)
        return f"{text} ORDER BY ALL LIMIT {self.random.randint(1, 40)}" if self.chance(0.12) else text

    def of(self, namespace):
        return self.text.format(**{table: f"{namespace}.{table}" for table in TABLES})
