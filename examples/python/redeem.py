"""Redeems a code, and prints the receipt; also of one that was redeemed before, and whose answer got
lost: by a crash, a lost connection or a 503.

    python3 examples/python/redeem.py CODE

BASE_URL says where the service is, if not at http://localhost:8080.
"""

import json
import sys

from flashsale import Client, NoAnswer, Refused

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(json.dumps(Client().purchase(sys.argv[1])))
    except (Refused, NoAnswer) as error:
        sys.exit(f"refused, {error}")
