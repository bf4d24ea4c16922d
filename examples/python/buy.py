"""Buys one unit for a user, and prints the receipt. Whatever gets lost on the way, it is one unit.

    python3 examples/python/buy.py USER [SALE]

BASE_URL says where the service is, if not at http://localhost:8080.
"""

import json
import sys

from flashsale import Client, NoAnswer, Refused, new_key


def main(user, sale=None):
    client = Client()
    if sale is None:
        _, current = client.sale()
        sale = current["id"]

    # One key for one unit, however often it is asked for. For another unit, draw another key.
    hold = client.checkout(user, sale, new_key())

    # From here on the code is all that is needed. A shop writes it down before it goes on.
    print(f"on hold until {hold['expires_at']}: code {hold['code']}", file=sys.stderr)
    print(json.dumps(client.purchase(hold["code"])))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (Refused, NoAnswer) as error:
        sys.exit(f"refused, {error}")
