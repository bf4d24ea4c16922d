"""Watches a sale until nothing of it can be had any more: a line for each change.

    python3 examples/python/watch.py [SALE]

BASE_URL says where the service is, if not at http://localhost:8080.
"""

import sys
import time

from flashsale import Client, NoAnswer, Refused


def main(which="current"):
    client = Client()
    # The current sale is another one later: stay with the one that is current now.
    _, sale = client.sale(which)
    number, tag = sale["id"], None
    while True:
        tag, sale = client.sale(number, tag)
        if sale is not None:
            print(
                f"sale {number} is {sale['state']}: {sale['available']} free, "
                f"{sale['held']} on hold, {sale['sold']} sold",
                flush=True,
            )
            if sale["state"] == "ended" or sale["sold"] == sale["stock"]:
                return
        # An answer may be kept for a second: there is nothing newer before.
        time.sleep(1)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (Refused, NoAnswer) as error:
        sys.exit(f"refused, {error}")
