"""GEPA and DSPy's optimisers in the simulated world, unmodified, as their documentation uses them."""

import json
import os
import random
import tempfile
import urllib.request
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("DSPY_CACHEDIR", tempfile.mkdtemp())


class Spent(Exception):
    """The world refuses further calls."""


class Client:
    """Plain calls within the budget of a run."""

    def __init__(self, address, run, limit, suffix):
        self.base, self.suffix, self.limit = f"{address}/{run}/{limit}/v1", suffix, limit
        self.count_address = f"{address}/{run}/{limit}/count".replace(f"/{run}/{limit}/count", f"/{run}/count")

    def chat(self, role, messages):
        body = {"model": f"{role}@{self.suffix}", "messages": messages}
        request = urllib.request.Request(
            f"{self.base}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            raise Spent from error

    def answered(self):
        with urllib.request.urlopen(self.count_address) as answer:
            return json.load(answer)["answered"]


def rollout(client, prompts, question):
    """Response of the workflow, and what each prompt was given and gave."""
    given, steps = question, {}
    for name, text in prompts.items():
        said = client.chat("task", [{"role": "system", "content": text}, {"role": "user", "content": given}])
        steps[name] = (given, said)
        given = said
    return " ".join(said for _, said in steps.values()), steps


def gepa(world, client, train, val, seed):
    """gepa.optimize with an adapter for the workflow; merging as its documentation recommends for several components."""
    from gepa import EvaluationBatch, GEPAAdapter, optimize

    class Adapter(GEPAAdapter):
        propose_new_texts = None

        def evaluate(self, batch, candidate, capture_traces=False):
            outputs, scores, traces = [], [], []
            for row in batch:
                response, steps = rollout(client, candidate, row["question"])
                _, score, said = world.judge(row["question"], response, "".join(candidate.values()) + "0")
                outputs.append(response)
                scores.append(score)
                traces.append((steps, said))
            return EvaluationBatch(outputs=outputs, scores=scores, trajectories=traces if capture_traces else None)

        def make_reflective_dataset(self, candidate, eval_batch, components_to_update):
            def record(name, trace):
                (given, said), feedback = trace[0][name], trace[1]
                return {"Inputs": given, "Generated Outputs": said, "Feedback": feedback}

            return {name: [record(name, trace) for trace in eval_batch.trajectories] for name in components_to_update}

    class Quiet:
        def log(self, *_):
            pass

    try:
        result = optimize(
            seed_candidate=dict(world.prompts),
            trainset=train,
            valset=val,
            adapter=Adapter(),
            reflection_lm=lambda prompt: client.chat("proposer", [{"role": "user", "content": prompt}]),
            stop_callbacks=[lambda _: client.answered() >= client.limit],
            max_metric_calls=10**6,
            use_merge=len(world.prompts) > 1,
            logger=Quiet(),
            raise_on_exception=False,
            seed=seed,
        )
    except Spent:
        return dict(world.prompts)
    return dict(result.best_candidate)


# DSPy: a program of one predictor a prompt.


def dspy_program(world):
    import dspy

    if world.family == "two":
        sorter = dspy.Signature("order -> bin", world.prompts["sorter"])
        coder = dspy.Signature("bin -> code", world.prompts["coder"])

        class Route(dspy.Module):
            def __init__(self):
                super().__init__()
                self.sorter, self.coder = dspy.Predict(sorter), dspy.Predict(coder)

            def forward(self, question):
                bin = self.sorter(order=question).bin
                return dspy.Prediction(answer=f"{bin} {self.coder(bin=bin).code}")

        return Route()
    return dspy.Predict(dspy.Signature("question -> answer", world.prompts["system"]))


def dspy_run(optimizer, world, client, train, val, seed, test):
    import logging

    import dspy

    logging.getLogger("dspy").setLevel(logging.CRITICAL)
    logging.disable(logging.CRITICAL)
    lm = lambda role: dspy.LM(  # noqa: E731
        f"openai/{role}@{client.suffix}@{client.base.split('/')[3]}", api_base=client.base, api_key="none", num_retries=0, max_tokens=4000
    )
    task, proposer = lm("task"), lm("proposer")
    dspy.configure(lm=task)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    example = lambda row: dspy.Example(**row).with_inputs("question")  # noqa: E731
    train, val = [example(row) for row in train], [example(row) for row in val]

    def metric(gold, pred, trace=None, *_):
        salt = str(sorted(id(one) for one in [pred])) if world.family == "noisy" else ""
        return world.judge(gold.question, pred.answer or "", salt)[1]

    def with_feedback(gold, pred, trace=None, name=None, pred_trace=None):
        _, score, said = world.judge(gold.question, pred.answer or "", str(id(pred)))
        return dspy.Prediction(score=score, feedback=said)

    program, limit = dspy_program(world), client.limit
    calls = len(world.prompts)
    rollouts = limit // calls
    try:
        if optimizer == "dspy-gepa":
            # Its budget counts rollouts; questions to the proposer come on top, one in about ten.
            tuned = dspy.GEPA(
                metric=with_feedback, max_metric_calls=int(rollouts * 0.92), reflection_lm=proposer, num_threads=4, seed=seed,
                warn_on_score_mismatch=False,
            ).compile(program, trainset=train, valset=val)
        elif optimizer == "mipro":
            minibatch = min(25, len(val))
            trials = max(2, int((rollouts - 2 * len(val) - 30) / (minibatch + len(val) / 5)))
            tuned = dspy.MIPROv2(
                metric=metric, prompt_model=proposer, task_model=task, auto=None, num_candidates=min(10, max(3, trials // 3)),
                num_threads=4, max_errors=10**6, seed=seed, verbose=False,
            ).compile(program, trainset=train, valset=val, num_trials=trials, minibatch=True, minibatch_size=minibatch)
        else:
            sets = max(1, (rollouts - 3 * len(val)) // (len(val) + 12))
            tuned = dspy.BootstrapFewShotWithRandomSearch(
                metric=metric, max_bootstrapped_demos=4, max_labeled_demos=16, num_candidate_programs=sets, num_threads=4,
                max_errors=10**6,
            ).compile(program, trainset=train, valset=val)
    except Exception as error:  # An optimiser that the budget ended without a result leaves the seed.
        if os.environ.get("SHOW"):
            raise
        tuned, _ = program, error
    free = dspy.LM(
        f"openai/task@{client.suffix}@free", api_base=client.base.replace(f"/{limit}/v1", "/0/v1").replace(client.base.split("/")[3], "free"),
        api_key="none", num_retries=0, max_tokens=4000,
    )
    for predictor in tuned.predictors():
        predictor.lm = None
    with dspy.context(lm=free):
        scored = [world.judge(row["question"], tuned(question=row["question"]).answer or "")[0] for row in test]
    changed = any(
        one.signature.instructions != old.signature.instructions or one.demos
        for one, old in zip(tuned.predictors(), program.predictors())
    ) and tuned is not program
    return sum(scored) / len(scored), changed
