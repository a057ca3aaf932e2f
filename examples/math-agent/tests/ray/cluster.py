"""A Ray cluster of several raylets on this machine. Prints the address of its head, then obeys lines: `kill` ends a node without
a word, `add` brings one. Ends with its input."""

import json
import sys

from ray.cluster_utils import Cluster

STORE = 300 << 20


def main():
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE) for _ in range(int(sys.argv[1]))]
    cluster.wait_for_nodes()
    print(json.dumps({"address": cluster.address}), flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(num_cpus=1, object_store_memory=STORE))
        print("done", flush=True)
    cluster.shutdown()


main()
