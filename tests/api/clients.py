"""Clients of one lake that do the same things, each in its own way, and a round of all of them in one table. Rows are (id, v, …) in the
order of the table's columns."""
import pyarrow as pa


def values(rows):
    return ", ".join("(" + ", ".join("NULL" if c is None else f"'{c}'" if isinstance(c, str) else str(c) for c in row) + ")" for row in rows)


class SqlClient:
    """What is the same in SQL for DuckDB's client, the server and Spark."""
    text, format = "VARCHAR", ""

    def create(self, table, rows):
        self.run(f"CREATE TABLE {table} (id BIGINT, v {self.text}){self.format}")
        self.append(table, rows)

    def append(self, table, rows):
        self.run(f"INSERT INTO {table} VALUES {values(rows)}")

    def merge(self, table, rows):
        names = self.columns(table)
        self.run(f"MERGE INTO {table} AS t USING (SELECT * FROM (VALUES {values(rows)}) AS x({', '.join(names)})) AS s ON t.id = s.id "
                 f"WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) VALUES ({', '.join('s.' + n for n in names)})")

    def delete(self, table, key):
        self.run(f"DELETE FROM {table} WHERE id = {key}")

    def evolve(self, table, column):
        self.run(f"ALTER TABLE {table} ADD COLUMN {column} {self.text}")

    def read(self, table):
        return sorted(tuple(row) for row in self.run(f"SELECT * FROM {table}"))


class DuckDb(SqlClient):
    def __init__(self, server):
        self.server = server

    def run(self, sql):
        client = self.server.duckdb()
        client.execute("USE lake.data")
        return client.execute(sql).fetchall()

    def columns(self, table):
        client = self.server.duckdb()
        return [row[0] for row in client.execute(f"DESCRIBE lake.{table}").fetchall()]


class Lakehouse(SqlClient):
    def __init__(self, server):
        self.server = server

    def run(self, sql):
        return self.server.sql(sql, limit=0)

    def columns(self, table):
        return [row[0] for row in self.server.sql(f"DESCRIBE {table}")]


class PyIceberg:
    def __init__(self, server):
        self.catalog = server.pyiceberg()

    def arrow(self, table, rows):
        schema = self.catalog.load_table(table).schema().as_arrow()
        return pa.table([pa.array(column, field.type) for column, field in zip(zip(*rows), schema)], schema)

    def create(self, table, rows):
        self.catalog.create_table(table, pa.schema([("id", pa.int64()), ("v", pa.string())]))
        self.append(table, rows)

    def append(self, table, rows):
        self.catalog.load_table(table).append(self.arrow(table, rows))

    def merge(self, table, rows):
        self.catalog.load_table(table).upsert(self.arrow(table, rows), join_cols=["id"])

    def delete(self, table, key):
        self.catalog.load_table(table).delete(f"id == {key}")

    def evolve(self, table, column):
        from pyiceberg.types import StringType

        with self.catalog.load_table(table).update_schema() as update:
            update.add_column(column, StringType())

    def read(self, table):
        return sorted(tuple(row.values()) for row in self.catalog.load_table(table).scan().to_arrow().to_pylist())


class Model:
    """What the table must hold."""

    def __init__(self, clients, table):
        self.clients, self.table, self.rows, self.extra = clients, table, {}, 0

    def row(self, key, v, *last):
        return (key, v) + (None,) * (self.extra - len(last)) + last

    def put(self, rows):
        self.rows.update({row[0]: row for row in rows})

    def agree(self, step):
        want = sorted(self.rows.values())
        for name, client in self.clients.items():
            assert client.read(self.table) == want, f"{name} reads other rows after {step}"


def everybody_changes(clients, creator, namespace):
    """The table of one of them: each appends, merges, deletes and adds a column, and after each step all read the same rows."""
    model = Model(clients, f"{namespace}.of_{creator}")
    model.put([(i, f"{creator} {i}") for i in range(20)])
    clients[creator].create(model.table, list(model.rows.values()))
    model.agree("creation")
    for turn, (name, client) in enumerate(clients.items(), 1):
        added = [model.row(100 * turn + i, f"{name} {i}") for i in range(5)]
        client.append(model.table, added)
        model.put(added)

        old = model.rows[turn]
        merged = [(old[0], f"merged by {name}") + old[2:], model.row(100 * turn + 50, f"inserted by {name}")]
        client.merge(model.table, merged)
        model.put(merged)

        client.delete(model.table, 10 + turn)
        del model.rows[10 + turn]
        model.agree(f"{name}'s append, merge and delete")

        client.evolve(model.table, f"{name}_note")
        model.extra += 1
        model.rows = {key: row + (None,) for key, row in model.rows.items()}
        noted = [model.row(100 * turn + 60, "with a note", f"note of {name}")]
        client.append(model.table, noted)
        model.put(noted)
        model.agree(f"{name}'s new column")
