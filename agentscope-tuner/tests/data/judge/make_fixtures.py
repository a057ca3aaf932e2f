"""Makes the fixtures beside it with the reference packages; none of the numbers come from this project.

    pip install sacrebleu==2.6.0 rouge-score==0.1.2 rapidfuzz==3.14.6
    python make_fixtures.py

BLEU comes from sacrebleu, ROUGE and the stems from rouge-score (with the Porter stemmer of NLTK that it uses), edit
distances from rapidfuzz. SQuAD's normalisation and F1 are written out here from their published definition
(Rajpurkar et al. 2016 and 2018, evaluation script v2.0): lower case, ASCII punctuation removed, articles blanked, white
space squeezed; F1 over the multiset of words; where either text has none, 1 if both have none, else 0.
"""

import json
import random
import re
import string
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rapidfuzz.distance import Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

HERE = Path(__file__).parent

PAIRS = [
    ("The cat sat on the mat.", "The cat sat on the mat."),
    ("the cat is on the mat", "The cat sat on the mat."),
    ("There is a cat on the mat", "The cat is on the mat"),
    ("", "The cat sat on the mat."),
    ("The cat", ""),
    ("", ""),
    ("Paris", "paris."),
    ("The answer is 3.14, or $1,000.50 (about 50%).", "the answer is 3.14 or $1,000.50, about 50 %"),
    ("A state-of-the-art, low-cost 2-3 day plan: really?!", "State of the art low-cost 2-3 day plan."),
    ("He said: \"It's John's book\" & left.", "He said &quot;It's John's book&quot; &amp; left."),
    ("running runners ran easily and happily", "The runner runs easy; happiness follows running"),
    ("It is a guide to action which ensures that the military always obeys the commands of the party.",
     "It is a guide to action that ensures that the military will forever heed Party commands."),
    ("It is to insure the troops forever hearing the activity guidebook that party direct.",
     "It is a guide to action that ensures that the military will forever heed Party commands."),
    ("the the the the the the the", "The cat is on the mat"),
    ("Zürich liegt in der Schweiz – schön!", "Zürich liegt in der schönen Schweiz."),
    ("北京是中国的首都", "中国的首都是北京"),
    ("First line here.\nSecond line follows.\nThird one ends.",
     "Second line follows here.\nA first line.\nThe third one ends it all."),
    ("police killed the gunman\nthe gunman was shot down by police\n", "the gunman police killed\n\npolice ended the gunman"),
    ("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"),
    ("hyphen-\nated word <skipped> here", "hyphenated word here"),
    ("one two three four five six seven eight nine ten", "one two three"),
    ("one two three", "one two three four five six seven eight nine ten"),
    ("e.g. the U.S. economy grew 2.5% in Q3, i.e. fast…", "The U.S. economy, e.g., grew by 2.5 % in Q3"),
    ("a an the", "the a"),
    ("kitten", "sitting"),
    ("naïve café 🦀🦀", "naive cafe 🦀"),
    ("Tabs\tand  double  spaces ", " tabs and double spaces"),
    ("x/y [z] {w} ~ `q` @me #tag ^ | \\ * + = < >", "x / y z w q me tag"),
]
SMOOTHINGS = [("exp", None), ("none", None), ("floor", None), ("floor", 0.01), ("add-k", None), ("add-k", 0.5)]
STEMS = """relat condit valen hesit digit conform radic differ vile analog vietnam predic oper feudal decis hope
callous formal sensit sensib triplic form electr good reviv allow infer airlin gyroscop adjust defens irrit replac
depend adopt homolog commun activ angul effect bowdler probat rat ceas control roll fall hiss fizz hopp tann fil troubl
siz plaster motor happ sk enjo fl sp tr geo archaeo philo gener argu stat nation bl agre fe yy ay oyo""".split()
SUFFIXES = """s es ies ss sses ed ied eed ing ying y ly alli bli abli entli eli ousli ational tional enci anci izer
ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al
ance ence er ic able ible ant ement ment ent sion tion ion ou ism ate iti ous ive ize e ll lle""".split()
IRREGULAR = """sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed
succeed dies died ties tied spied flies spy fly enjoy say says being hoping hopping bed bled 2020s 3rds a1b2ing""".split()


def squad_words(text):
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def squad(answer, reference):
    a, r = squad_words(answer), squad_words(reference)
    common = sum((Counter(a) & Counter(r)).values())
    if not a or not r:
        precision = recall = f1 = float(a == r)
    elif common == 0:
        precision = recall = f1 = 0.0
    else:
        precision, recall = common / len(a), common / len(r)
        f1 = 2 * precision * recall / (precision + recall)
    return {"normal": " ".join(a), "exact": a == r, "precision": precision, "recall": recall, "f1": f1}


def rouge(answer, reference):
    types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    made = {}
    for stem in (False, True):
        scores = RougeScorer(types, use_stemmer=stem).score(reference, answer)
        made["stem" if stem else "plain"] = {name: list(map(float, scores[name])) for name in types}
    return made


def bleu_object(smoothing, value, sentence, lowercase=False):
    return BLEU(smooth_method=smoothing, smooth_value=value, effective_order=sentence, lowercase=lowercase)


def numbers(score):
    """Score, penalty, lengths of answer and reference, four precisions; shares instead of percentages."""
    precisions = [precision / 100 for precision in score.precisions]
    return [score.score / 100, score.bp, score.sys_len, score.ref_len, *precisions]


def references(place, several):
    """The references of a pair: its own, and with `several` also that of the next pair."""
    return [PAIRS[(place + step) % len(PAIRS)][1] for step in range(2 if several else 1)]


def bleu_cases():
    sentences, corpora = [], []
    for smoothing, value in SMOOTHINGS:
        how = {"smoothing": smoothing, "value": value}
        for several in (False, True) if smoothing == "exp" else (False,):
            scorer = bleu_object(smoothing, value, True)
            scores = [numbers(scorer.sentence_score(answer, references(place, several)))
                      for place, (answer, _) in enumerate(PAIRS)]
            sentences.append({**how, "several": several, "scores": scores})
        for lowercase in (False, True):
            for several in (False, True):
                for end in (1, 4, len(PAIRS)):
                    answers = [answer for answer, _ in PAIRS[:end]]
                    columns = [list(column) for column in zip(*(references(place, several) for place in range(end)))]
                    score = bleu_object(smoothing, value, False, lowercase).corpus_score(answers, columns)
                    corpora.append({**how, "lowercase": lowercase, "several": several, "rows": end,
                                    "score": numbers(score)})
    return {"sentences": sentences, "corpora": corpora}


def tokens_13a():
    tokenizer = bleu_object("exp", None, False).tokenizer
    return [[text, tokenizer(text.rstrip()).split()] for text in dict.fromkeys(text for pair in PAIRS for text in pair)]


def stems():
    words = sorted({stem + suffix for stem in STEMS for suffix in SUFFIXES})
    words = random.Random(7).sample(words, 800) + IRREGULAR
    stemmer = PorterStemmer()
    return [[word, stemmer.stem(word)] for word in words if len(word) > 3]


def edit(answer, reference):
    return {"distance": Levenshtein.distance(answer, reference),
            "similarity": Levenshtein.normalized_similarity(answer, reference)}


def write(name, made):
    made = {"made_by": {package: version(package) for package in ("sacrebleu", "rouge-score", "nltk", "rapidfuzz")}, **made}
    (HERE / name).write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    random.seed(7)
    words = "the a cat dogs running quickly nationally sat mat on under happily house houses".split()
    for _ in range(12):
        PAIRS.append(tuple(" ".join(random.choices(words, k=random.randint(1, 14))) for _ in range(2)))
    pairs = [{"answer": a, "reference": r, "squad": squad(a, r), "rouge": rouge(a, r), "edit": edit(a, r)}
             for a, r in PAIRS]
    write("overlap.json", {"pairs": pairs})
    write("stems.json", {"stems": stems()})
    write("bleu.json", {"tokens": tokens_13a(), **bleu_cases()})


if __name__ == "__main__":
    main()
