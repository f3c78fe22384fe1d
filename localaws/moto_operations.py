"""The operations that moto does for real, by service: they change or read state that other calls see.

Left out are those whose point is an effect that moto does not have: sending a mail, running a job, invoking a function,
evaluating an alarm.
"""

from __future__ import annotations

_REAL = {
    "sts": "GetCallerIdentity AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo",
    "iam": """
        CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription DeleteRole UpdateAssumeRolePolicy
        PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy TagRole UntagRole ListRoleTags
        AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies PutRolePermissionsBoundary
        DeleteRolePermissionsBoundary ListInstanceProfilesForRole
        CreatePolicy GetPolicy ListPolicies DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions
        SetDefaultPolicyVersion DeletePolicyVersion TagPolicy UntagPolicy ListPolicyTags ListEntitiesForPolicy
        CreateUser GetUser ListUsers DeleteUser PutUserPolicy GetUserPolicy ListUserPolicies DeleteUserPolicy
        AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies TagUser UntagUser ListUserTags
        CreateAccessKey ListAccessKeys UpdateAccessKey DeleteAccessKey
        CreateGroup GetGroup ListGroups DeleteGroup AddUserToGroup RemoveUserFromGroup ListGroupsForUser
        PutGroupPolicy GetGroupPolicy ListGroupPolicies DeleteGroupPolicy
        AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies
        CreateInstanceProfile GetInstanceProfile ListInstanceProfiles DeleteInstanceProfile
        AddRoleToInstanceProfile RemoveRoleFromInstanceProfile CreateServiceLinkedRole DeleteServiceLinkedRole
        CreateAccountAlias ListAccountAliases DeleteAccountAlias""",
    "kms": """
        CreateKey DescribeKey ListKeys EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion UpdateKeyDescription
        CreateAlias UpdateAlias DeleteAlias ListAliases Encrypt Decrypt ReEncrypt GenerateDataKey
        GenerateDataKeyWithoutPlaintext GenerateRandom Sign Verify GetPublicKey GenerateMac VerifyMac
        EnableKeyRotation DisableKeyRotation GetKeyRotationStatus PutKeyPolicy GetKeyPolicy ListKeyPolicies
        CreateGrant ListGrants RetireGrant RevokeGrant TagResource UntagResource ListResourceTags""",
    "sns": """
        CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes Subscribe Unsubscribe
        ListSubscriptions ListSubscriptionsByTopic GetSubscriptionAttributes SetSubscriptionAttributes
        TagResource UntagResource ListTagsForResource AddPermission RemovePermission""",
    "sqs": """
        CreateQueue DeleteQueue ListQueues GetQueueUrl GetQueueAttributes SetQueueAttributes SendMessage
        SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility
        ChangeMessageVisibilityBatch PurgeQueue TagQueue UntagQueue ListQueueTags AddPermission RemovePermission
        ListDeadLetterSourceQueues""",
    "ssm": """
        PutParameter GetParameter GetParameters GetParametersByPath GetParameterHistory DescribeParameters
        DeleteParameter DeleteParameters LabelParameterVersion AddTagsToResource RemoveTagsFromResource
        ListTagsForResource""",
    "logs": """
        CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams
        PutLogEvents GetLogEvents FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy
        TagLogGroup UntagLogGroup ListTagsLogGroup TagResource UntagResource ListTagsForResource""",
    "cloudwatch": "PutDashboard GetDashboard ListDashboards DeleteDashboards",
    "glue": """
        CreateDatabase GetDatabase GetDatabases UpdateDatabase DeleteDatabase
        CreateTable GetTable GetTables UpdateTable DeleteTable BatchDeleteTable GetTableVersion GetTableVersions
        DeleteTableVersion CreatePartition GetPartition GetPartitions UpdatePartition DeletePartition
        BatchGetPartition BatchCreatePartition BatchUpdatePartition BatchDeletePartition
        CreateConnection GetConnection GetConnections DeleteConnection
        CreateRegistry GetRegistry ListRegistries DeleteRegistry CreateSchema GetSchema DeleteSchema
        RegisterSchemaVersion GetSchemaVersion GetSchemaByDefinition
        CreateSecurityConfiguration GetSecurityConfiguration GetSecurityConfigurations DeleteSecurityConfiguration
        PutDataCatalogEncryptionSettings GetDataCatalogEncryptionSettings
        PutResourcePolicy GetResourcePolicy DeleteResourcePolicy TagResource UntagResource GetTags""",
    "kinesis": """
        CreateStream DeleteStream DescribeStream DescribeStreamSummary ListStreams ListShards PutRecord PutRecords
        GetShardIterator GetRecords MergeShards SplitShard UpdateShardCount AddTagsToStream RemoveTagsFromStream
        ListTagsForStream IncreaseStreamRetentionPeriod DecreaseStreamRetentionPeriod StartStreamEncryption
        StopStreamEncryption""",
    "dynamodb": """
        CreateTable DeleteTable DescribeTable ListTables UpdateTable PutItem GetItem UpdateItem DeleteItem Query Scan
        BatchGetItem BatchWriteItem TransactGetItems TransactWriteItems DescribeTimeToLive UpdateTimeToLive
        DescribeContinuousBackups UpdateContinuousBackups TagResource UntagResource ListTagsOfResource
        ExecuteStatement""",
    "resourcegroupstaggingapi": "GetResources GetTagKeys GetTagValues TagResources UntagResources",
}

REAL = {service: frozenset(names.split()) for service, names in _REAL.items()}

# The name under which a request is signed, where it is not botocore's name of the service.
SIGNED_AS = {"elasticmapreduce": "emr", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
