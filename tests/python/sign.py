"""Signs requests as a Python client of AWS does.

    python sign.py < requests.jsonl

Each line of standard input is one thing to sign, with the keys `access_key`, `secret_key`, `token` (or null)
and `region`, and either a request to this host or a token for it:

    {"service": "toolhost", "method": "POST", "url": "http://...", "headers": {}, "body": "{}"}
    {"server_id": "https://tools.example.com", "expires_s": 60}

For each, standard output has one line of JSON: the request's headers, as an object; or the token, as a string.
"""

import base64
import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner


def headers_of(asked, credentials):
    """The headers of a request to this host."""
    request = AWSRequest(method=asked["method"], url=asked["url"], headers=asked["headers"], data=asked["body"])
    SigV4Auth(credentials, asked["service"], asked["region"]).add_auth(request)
    return dict(request.headers)


def token_of(asked, credentials):
    """A token for this host: a GetCallerIdentity that STS can be sent."""
    region = asked["region"]
    # The signer does not keep it alive.
    events = HierarchicalEmitter()
    signer = RequestSigner(ServiceId("sts"), region, "sts", "v4", credentials, events)
    request = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-toolhost-id": asked["server_id"]},
        "context": {},
    }
    url = signer.generate_presigned_url(request, operation_name="", expires_in=asked["expires_s"], region_name=region)
    return "toolhost-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        credentials = Credentials(asked["access_key"], asked["secret_key"], asked["token"])
        signed = token_of(asked, credentials) if "server_id" in asked else headers_of(asked, credentials)
        print(json.dumps(signed))


if __name__ == "__main__":
    main()
