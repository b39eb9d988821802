"""Folders of documents: a row for each, what cannot be read put aside, and what hostile ones may not do."""
import hashlib
import io
import json
import os
import tarfile
import zipfile

import pytest

from commands import lakehouse
from harness import BINARY, Server

HASH = {"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"}
PNG = b"\x89PNG\r\n\x1a\n"


def folder(root, files, name="papers"):
    for path, body in files.items():
        file = root / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        os.utime(file, (1700000000, 1700000000))
    return root / name


def ingest(server, path, *flags, check=True):
    return lakehouse("ingest", path, *flags, "--url", server.url, check=check)


def rows(server, table, columns="path, title, text"):
    return server.sql(f"SELECT {columns} FROM {table} ORDER BY path")


def tar(files, mode="w", mtime=1700000000):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(body), mtime
            archive.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def zipped(files, **more):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body, **more)
    return packed.getvalue()


def sent(server, body, table, name="papers", status=201, **fields):
    answer = server.ingest(body, table, name=name, **{"format": "documents", **fields})
    assert answer.status_code == status, answer.text
    return answer.json() if status < 300 else answer.json()["error"]


# ---- a folder ----

def test_a_folder_becomes_a_row_a_document(server, tmp_path):
    where = folder(tmp_path, {
        "bees.md": "---\ntitle: On bees\n---\nThey hum.", "sub/née/wasp.markdown": "# Wasps\nThey sting.", "2026-01-02.txt": "2026-01-03",
        "t.csv": "a,b\n", "pic.png": PNG, ".git/x.md": "hidden"})
    (tmp_path / "secret.md").write_text("outside")
    (where / "link.md").symlink_to(tmp_path / "secret.md")
    (where / "way").symlink_to(tmp_path)
    said = ingest(server, where).stdout
    assert "papers → data.papers: 3 rows, 7 columns" in said and "4 files were passed over" in said
    assert rows(server, "papers") == [["2026-01-02.txt", "2026-01-02", "2026-01-03"], ["bees.md", "On bees", "---\ntitle: On bees\n---\nThey hum."],
                                      ["sub/née/wasp.markdown", "Wasps", "# Wasps\nThey sting."]]
    digest = hashlib.sha256(b"# Wasps\nThey sting.").hexdigest()
    assert server.sql("SELECT format, size, modified, sha256 FROM papers WHERE title = 'Wasps'") == [["md", 19, "2023-11-14T22:13:20Z", digest]]
    types = server.sql("SELECT column_name, column_type FROM (DESCRIBE papers)")
    assert [kind for _, kind in types] == ["VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "VARCHAR"]
    assert server.request("GET", "/datasets/by-name/papers").json()["origin"]["format"] == "documents"


def test_the_same_folder_twice_is_one_and_a_changed_one_is_loaded(server, tmp_path):
    where = folder(tmp_path, {"a.md": "# A", "b.md": "# B"})
    ingest(server, where, "-d", "twice")
    assert "nothing to do" in ingest(server, where, "-d", "twice", "--mode", "append").stdout
    folder(tmp_path, {"b.md": "# B, new", "c.md": "# C"})
    (where / "a.md").unlink()
    ingest(server, where, "-d", "twice", "--mode", "upsert", "--key", "path")
    assert rows(server, "twice", "title") == [["A"], ["B, new"], ["C"]]
    ingest(server, where, "-d", "twice", "--mode", "replace")
    assert rows(server, "twice", "title") == [["B, new"], ["C"]]


def test_a_file_is_a_document_by_its_name_or_as_told(server, tmp_path):
    where = folder(tmp_path, {"one.md": "# One", "two.txt": "# Two", "three.txt": "a,b\n1,2\n"})
    assert "one.md → data.one: 1 row, 7 columns" in ingest(server, where / "one.md").stdout
    assert "two.txt → data.two: 1 row, 7 columns" in ingest(server, where / "two.txt", "--format", "documents").stdout
    assert "three.txt → data.three: 1 row, 2 columns" in ingest(server, where / "three.txt").stdout
    assert rows(server, "two") == [["two.txt", "Two", "# Two"]]
    assert "papers → data.dot: 3 rows" in lakehouse("ingest", ".", "-d", "dot", "--url", server.url, cwd=where).stdout


@pytest.mark.parametrize("files, said", [({"t.csv": "a\n"}, "holds no documents"), ({}, "holds no documents")])
def test_a_folder_without_documents_says_how_tables_are_loaded(server, tmp_path, files, said):
    where = folder(tmp_path, files)
    where.mkdir(exist_ok=True)
    done = ingest(server, where, "-d", "none", check=False)
    assert done.returncode == 1 and said in done.stderr and "/*.csv" in done.stderr
    assert server.request("GET", "/datasets/by-name/none").status_code == 404


def test_what_is_no_utf8_is_decoded(server, tmp_path):
    text = "Ça va déjà, naïve café"
    where = folder(tmp_path, {"a.txt": text, "b.txt": b"\xef\xbb\xbf" + text.encode(), "c.txt": text.encode("utf-16"), "d.md": text.encode("cp1252"),
                              "e.txt": b"\xfe\xff" + text.encode("utf-16-be")})
    ingest(server, where, "-d", "decoded")
    assert [row[2] for row in rows(server, "decoded")] == [text] * 5
    body = "привет мир".encode("koi8-r")
    assert "options.encoding" in sent(server, body, "koi8", name="k.txt", status=400, on_error="fail")["message"]
    assert sent(server, text.encode("latin-1"), "latin", name="l.txt", options={"encoding": "latin-1"})["rows"] == 1
    assert rows(server, "latin")[0][2] == text


# ---- HTML and Word ----

def docx(body, **parts):
    """A .docx; body: pairs of a style and a text."""
    paragraphs = "".join(f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>' for style, text in body)
    word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    return zipped({
        "[Content_Types].xml": "<Types/>", "word/document.xml": f"<w:document {word}><w:body>{paragraphs}</w:body></w:document>",
        "word/styles.xml": f'<w:styles {word}><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>', **parts})


def test_html_and_word_become_text_with_headings(server, tmp_path):
    where = folder(tmp_path, {
        "page.html": "<title>Bees &amp; wasps</title><script>no()</script><h1>Bees</h1><p>They hum.<p hidden>no</p><table><tr><td>a<td>b</table>",
        "old.htm": '<meta charset="koi8-r"><p>'.encode() + "привет".encode("koi8-r"),
        "report.docx": docx([("berschrift1", "Übersicht"), ("x", "Der Text.")]),
        "titled.docx": docx([("x", "Text")], **{"docProps/core.xml": '<c xmlns:dc="d"><dc:title>Called so</dc:title></c>'})})
    ingest(server, where, "-d", "marked")
    assert rows(server, "marked", "path, title, text, format") == [
        ["old.htm", "old", "привет", "html"], ["page.html", "Bees & wasps", "# Bees\n\nThey hum.\n\na | b", "html"],
        ["report.docx", "Übersicht", "# Übersicht\n\nDer Text.", "docx"], ["titled.docx", "Called so", "Text", "docx"]]


def test_hostile_markup_is_put_aside(server, tmp_path):
    where = folder(tmp_path, {
        "deep.html": "<div>x" * 100000, "wide.html": "<p " + " ".join(f"a{n:x}" for n in range(200000)) + ">x", "charset.html": b"<meta charset=no-such>\xff",
        "entity.docx": docx([], **{"word/document.xml": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a><t>&x;</t></a>"}),
        "laughs.docx": docx([], **{"word/document.xml": "<!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;'>]><a><t>&c;</t></a>"}),
        "bomb.docx": docx([], **{"word/document.xml": "<a>" + " " * (40 << 20)}), "sheet.docx": zipped({"xl/workbook.xml": "<x/>"}),
        "locked.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "cut.docx": docx([("x", "Text")])[:200], "good.html": "<p>good"})
    ingest(server, where, "-d", "markup")
    assert rows(server, "markup", "path, text") == [["good.html", "good"]]
    found = dict(server.sql("SELECT file, reason FROM markup__rejects"))
    said = {"deep.html": "512", "wide.html": "1000 attributes", "charset.html": "no-such", "entity.docx": "document type", "laughs.docx": "document type",
            "bomb.docx": "far more", "sheet.docx": "without word/document.xml", "locked.docx": "password", "cut.docx": "broken"}
    assert found.keys() == said.keys() and all(said[file] in found[file] for file in said), found


PDFIUM = (BINARY.parent / "lib/libpdfium.so").exists()


def pdf(text, title="", more=""):
    content = f"BT /F 12 Tf 20 200 Td ({text}) Tj ET"
    return (f"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R"
            "/MediaBox[0 0 600 300]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>endobj\n4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
            f"5 0 obj<</Length {len(content)}>>stream\n{content}\nendstream endobj\n6 0 obj<</Title({title})>>endobj\n{more}trailer<</Root 1 0 R/Info 6 0 R>>\n%%EOF\n").encode()


@pytest.mark.skipif(not PDFIUM, reason="no PDFium (tools/setup-pdf)")
def test_pdf_is_text_and_broken_ones_are_put_aside(server, tmp_path):
    where = folder(tmp_path, {"good.pdf": pdf("The mill was built in 1742.", "The mill"), "plain.pdf": pdf("No title."), "scan.pdf": pdf(""), "none.pdf": b"no PDF at all",
                              "cut.pdf": b"%PDF-1.4\n1 0 obj<</Type", "page.html": "<p>beside"})
    ingest(server, where, "-d", "pdfs")
    assert rows(server, "pdfs", "path, title, text, format") == [
        ["good.pdf", "The mill", "The mill was built in 1742.", "pdf"], ["page.html", "page", "beside", "html"], ["plain.pdf", "plain", "No title.", "pdf"]]
    found = dict(server.sql("SELECT file, reason FROM pdfs__rejects"))
    assert found.keys() == {"scan.pdf", "none.pdf", "cut.pdf"} and "a scan" in found["scan.pdf"] and "broken" in found["none.pdf"]


@pytest.mark.skipif(PDFIUM, reason="PDFium is there")
def test_without_its_library_a_pdf_is_put_aside_with_what_to_do(server, tmp_path):
    ingest(server, folder(tmp_path, {"a.md": "# A", "b.pdf": pdf("text")}), "-d", "pdfs")
    assert "pdftotext" in server.sql("SELECT reason FROM pdfs__rejects")[0][0]


# ---- what cannot be read ----

def test_files_that_cannot_be_read_are_put_aside_with_the_reason(server, tmp_path):
    where = folder(tmp_path, {"good.md": "# Good", "nul.txt": b"a\0b", "empty.md": b"", "sub/koi.txt": "привет мир".encode("koi8-r")})
    said = ingest(server, where, "-d", "aside").stdout
    assert "1 row, 7 columns" in said and "3 files were rejected; names and reasons are in data.aside__rejects" in said
    found = server.sql("SELECT file, line, reason FROM aside__rejects ORDER BY file")
    assert [(file, line) for file, line, _ in found] == [("empty.md", None), ("nul.txt", None), ("sub/koi.txt", None)]
    assert "no text" in found[0][2] and "NUL" in found[1][2] and "UTF-8" in found[2][2]


def test_with_fail_nothing_lands_and_the_file_is_named(server, tmp_path):
    where = folder(tmp_path, {"good.md": "# Good", "sub/nul.txt": b"a\0b"})
    done = ingest(server, where, "-d", "strict", "--on-error", "fail", check=False)
    assert done.returncode == 1 and "sub/nul.txt: it has a NUL byte" in done.stderr and "--on-error quarantine" in done.stderr
    assert server.request("GET", "/datasets/by-name/strict").status_code == 404


def test_when_all_are_put_aside_the_dataset_is_empty(server, tmp_path):
    ingest(server, folder(tmp_path, {"nul.txt": b"a\0b"}), "-d", "all_aside")
    assert server.sql("SELECT count(*) FROM all_aside") == [[0]]
    assert server.sql("SELECT file FROM all_aside__rejects") == [["nul.txt"]]


def test_documents_have_limits(fresh, tmp_path):
    server = fresh(env={"LAKEHOUSE__INGEST__DOCUMENT_MAX_BYTES": "5000", "LAKEHOUSE__INGEST__LINE_MAX_BYTES": "3000"})
    where = folder(tmp_path, {"fits.md": "x" * 2700, "line.md": "x" * 3001, "quotes.md": '"' * 2000, "large.md": "x" * 5001})
    ingest(server, where, "-d", "sizes")
    assert rows(server, "sizes", "path") == [["fits.md"]]
    found = dict(server.sql("SELECT file, reason FROM sizes__rejects"))
    assert "document_max_bytes" in found["large.md"] and "line_max_bytes" in found["line.md"] and "line_max_bytes" in found["quotes.md"]
    assert "document_max_bytes" in sent(server, b"x" * 5001, "big", name="big.md", status=422, on_error="fail")["message"]


def test_rows_around_the_longest_are_whole_or_put_aside(fresh, tmp_path):
    server = fresh(env={"LAKEHOUSE__INGEST__LINE_MAX_BYTES": "3000"})
    ingest(server, folder(tmp_path, {f"{n}.md": "x" * n for n in range(2750, 2950)}), "-d", "around")
    landed = [row[0] for row in server.sql("SELECT length(text) FROM around ORDER BY 1")]
    assert 0 < len(landed) < 200 and landed == list(range(2750, 2750 + len(landed)))
    assert server.sql("SELECT count(*) FROM around__rejects") == [[200 - len(landed)]]


# ---- over HTTP ----

@pytest.mark.parametrize("pack, name", [(tar, "p.tar"), (lambda f: tar(f, "w:gz"), "p.tar.gz"), (zipped, "p.zip"), (tar, "p.md")])
def test_an_archive_over_http(server, pack, name):
    table = "http_" + name.replace(".", "_")
    answer = sent(server, pack({"./a/ü.md": b"# A", "b.txt": b"B", "c.png": PNG}), table, name=name)
    assert answer["format"] == "documents" and answer["rows"] == 2 and answer["rejected"] == 0 and "encoding" not in answer
    assert answer["warnings"] == ["1 file was passed over, being no document: c.png"]
    assert rows(server, table) == [["a/ü.md", "A", "# A"], ["b.txt", "b", "B"]]


def test_a_document_over_http_is_one_by_its_name(server):
    answer = server.ingest(b"# A\ntext", "http_one", name="note.md").json()
    assert answer["format"] == "documents" and server.sql("SELECT path, title, modified FROM http_one") == [["note.md", "A", None]]
    assert server.ingest(b"a,b\n1,2\n", "http_table", name="note.txt").json()["format"] == "csv"


# ---- hostile ----

def linked():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind.decode()}.md")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return packed.getvalue()


def test_paths_of_an_archive_are_only_names(server):
    answer = sent(server, tar({"../../../../tmp/lakehouse_out.md": b"# Out", "/abs.md": b"# Abs", "in/..md": b"# In"}), "leads")
    assert answer["rows"] == 2 and rows(server, "leads", "path") == [["abs.md"], ["in/..md"]]
    assert "leads out of the folder" in server.sql("SELECT reason FROM leads__rejects")[0][0]
    assert not os.path.exists("/tmp/lakehouse_out.md")
    assert "holds no documents" in sent(server, linked(), "links", status=400)["message"]


@pytest.mark.parametrize("mtime, told", [(1 << 50, None), (-5, None), (253402300800, None), (253402300799, "9999-12-31T23:59:59Z"), (0, "1970-01-01T00:00:00Z")])
def test_a_time_that_no_calendar_has_is_none(server, mtime, told):
    table = f"time_{abs(mtime)}"
    assert sent(server, tar({"a.md": b"# A"}, mtime=mtime), table)["rows"] == 1
    assert server.sql(f"SELECT modified FROM {table}") == [[told]]


def encrypted():
    body = bytearray(zipped({"a.md": b"# secret text"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + at] |= 1
    return bytes(body)


@pytest.mark.parametrize("body, status", [
    (b"no archive at all", 400), (zipped({"a.md": b"# A" * 1000})[:60], 400), (tar({"a.md": b"# A" * 1000})[:1000], 400), (b"PK\x03\x04", 400),
    (b"\x1f\x8b\x08garbage", 400), (zipped({f"{n}.md": b"x" * (40 << 20) for n in range(3)}), 422)])
def test_a_broken_archive_is_refused_whole(server, body, status):
    sent(server, body, "broken", status=status)
    assert server.request("GET", "/datasets/by-name/broken").status_code == 404


def test_an_encrypted_file_is_put_aside(server):
    assert sent(server, encrypted(), "locked")["rejected"] == 1
    assert server.sql("SELECT file FROM locked__rejects") == [["a.md"]]


def test_names_that_are_no_utf8(server):
    body = tar({"a_.md": b"# A", "b.md": b"# B"}).replace(b"a_.md", b"a\xff.md")
    head = bytearray(body)
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:512]))
    assert sent(server, bytes(head), "bytes")["rejected"] == 1
    assert server.sql("SELECT file, reason FROM bytes__rejects") == [["a?.md", "its name is not UTF-8"]]


# ---- to a cited answer ----

@pytest.fixture(scope="module")
def embedding(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("documents") / "lake", env=HASH)
    yield running
    running.stop()


def vectors(server, *args):
    return lakehouse("vectors", *args, "--url", server.url)


def test_from_a_folder_to_a_cited_answer_and_only_changes_are_embedded(embedding, tmp_path):
    where = folder(tmp_path, {"ferry.md": "# Ferry\n\nThe ferry to Port Ellen leaves at 07:15 on weekdays.", "bread.txt": "Sourdough bread rises for sixteen hours.",
                              "tower.md": "# Tower\n\nThe tower has 214 steps.", "gone.md": "# Gone\n\nThe mill was sold."})
    ingest(embedding, where, "-d", "guide")
    assert "4 rows, 4 chunks, 4 embedded rows" in vectors(embedding, "index", "guide", "--id", "path", "--text", "text").stdout
    ask = ("rag", "When does the ferry to Port Ellen leave?", "--index", "guide", "-k", 2, "--url", embedding.url)
    said = lakehouse(*ask).stdout
    assert "07:15" in said and "[1]" in said and "data.guide │ ferry.md" in said
    folder(tmp_path, {"ferry.md": "# Ferry\n\nThe ferry to Port Ellen leaves at 08:45 on weekdays.", "new.md": "# New\n\nA bridge is built."})
    (where / "gone.md").unlink()
    ingest(embedding, where, "-d", "guide", "--mode", "replace")
    assert "4 rows, 4 chunks, 2 embedded rows, 2 unchanged rows, 1 removed row" in vectors(embedding, "refresh", "guide").stdout
    assert "08:45" in lakehouse(*ask).stdout


GUIDE = {"ferry.md": "# Ferry\n\nThe ferry to Port Ellen leaves at 07:15 on weekdays. Bicycles travel free of charge.",
         "bread.txt": "Sourdough bread rises for sixteen hours. Bake it at 240 degrees until the crust is dark.",
         "tower.md": "# Tower\n\nThe tower has 214 steps. Children under six pay nothing.",
         "sick.md": "# Sick leave\n\nCall your manager before nine if you are ill. A doctor's note is needed from the third day.",
         "pay.html": "<h1>Pay</h1><p>Wages are transferred on the last working day of the month.</p>",
         "wifi.txt": "The password of the guest network is printed on the back of your badge."}


def test_the_guide_by_the_built_in_model_answers_by_meaning_what_spelling_does_not(embedding, tmp_path):
    """docs/rag.md, its commands as they stand, with the model that embeds without any setting; beside it the model `hash`, which knows spelling only."""
    where, server = folder(tmp_path, GUIDE, "my-folder"), Server(tmp_path / "lake")
    for one in (server, embedding):
        ingest(one, where, "--dataset", "docs")
        assert "6 rows, 6 chunks, 6 embedded rows" in vectors(one, "index", "docs", "--id", "path", "--text", "text").stdout

    def said(one, question):
        """The answer's first line, and what is cited first."""
        answer = json.loads(lakehouse("rag", question, "--index", "docs", "-k", 3, "--json", "--url", one.url).stdout)
        return ("", "") if answer["no_answer"] else (answer["answer"].splitlines()[0], answer["citations"][0]["id"])

    model = server.request("GET", "/vectors/indexes/docs").json()["model"]
    assert (model["provider"], model["name"]) == ("llama", "all-minilm-l6-v2")
    for question, answer in {"When does the ferry to Port Ellen leave?": ("The ferry to Port Ellen leaves at 07:15 on weekdays. [1]", "ferry.md"),
                             "How many steps has the tower?": ("The tower has 214 steps. [1]", "tower.md"),
                             "How long does sourdough bread rise?": ("Sourdough bread rises for sixteen hours. [1]", "bread.txt")}.items():
        assert said(server, question) == said(embedding, question) == answer
    for question, answer in {"When are salaries paid out?": ("Wages are transferred on the last working day of the month. [1]", "pay.html"),
                             "Do I need a medical certificate when I am sick?": ("A doctor's note is needed from the third day. [1]", "sick.md")}.items():
        assert said(server, question) == answer and said(embedding, question) == ("", "")
    for question in ("Who won the football world cup?", "What is the capital of Mongolia?"):
        assert said(server, question) == said(embedding, question) == ("", "")
    out = lakehouse("rag", "When are salaries paid out?", "--index", "docs", "-k", 3, "--url", server.url).stdout
    assert "Wages are transferred on the last working day of the month. [1]" in out and "data.docs │ pay.html" in out
    server.stop()
