#!/usr/bin/env bash
# moto 5.2.5 (boto3 1.44.8): code that reads every page of a list cannot be tested against it for some calls, and seems
# broken against it for one. IAM ListRoles pages as AWS does. IAM ListUsers and KMS ListKeys take the page size, give
# everything and say that nothing is left. S3 ListBuckets keeps to MaxBuckets but gives no continuation token, so the rest
# cannot be had. A test of paging needs ListRoles, or a server of its own.
#
# Seen:
#   ListRoles 2 of 5, more: True
#   ListUsers 5 of 5, more: False
#   ListKeys 5 of 5, more: False
#   ListBuckets 2 of 5, more: False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[iam,kms,s3]==5.2.5' boto3==1.44.8 botocore==1.44.8
cat >"$work/pages.py" <<'PY'
import boto3
from moto import mock_aws

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
with mock_aws():
    iam, kms, s3 = (boto3.client(name, **KEYS) for name in ("iam", "kms", "s3"))
    for n in range(5):
        iam.create_role(RoleName=f"role-{n}", AssumeRolePolicyDocument="{}")
        iam.create_user(UserName=f"user-{n}")
        kms.create_key()
        s3.create_bucket(Bucket=f"bucket-{n}")
    roles, users = iam.list_roles(MaxItems=2), iam.list_users(MaxItems=2)
    keys, buckets = kms.list_keys(Limit=2), s3.list_buckets(MaxBuckets=2)
    for name, page, more in (
        ("ListRoles", roles["Roles"], roles["IsTruncated"]),
        ("ListUsers", users["Users"], users["IsTruncated"]),
        ("ListKeys", keys["Keys"], keys["Truncated"]),
        ("ListBuckets", buckets["Buckets"], "ContinuationToken" in buckets),
    ):
        print(f"{name} {len(page)} of 5, more: {more}")
PY
"$work/venv/bin/python" "$work/pages.py" | tee "$work/seen"
diff "$work/seen" - <<'SEEN'
ListRoles 2 of 5, more: True
ListUsers 5 of 5, more: False
ListKeys 5 of 5, more: False
ListBuckets 2 of 5, more: False
SEEN
echo "as found"
