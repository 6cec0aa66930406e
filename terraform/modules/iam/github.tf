# GitHub Actions gets short-lived credentials by OIDC; no key is stored anywhere. Each role asks for the exact subject:
#   images   push images from the main branch (or the subjects given)
#   smoke    look at the cluster from outside, from jobs of this environment; read the tokens of the smoke test and no other secret
#   plan     read everything but data and secrets, for `terraform plan` in jobs of this environment
# Applying is for people and their own roles, or for Terraform Cloud: a role that may change everything is not handed to a workflow.

locals {
  github_host = "token.actions.githubusercontent.com"

  github_provider_arn = var.github == null ? "" : "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.github_host}"

  github_subjects = var.github == null ? {} : {
    images = [for subject in coalesce(var.github.push_subjects, ["ref:refs/heads/main"]) : "repo:${var.github.repository}:${subject}"]
    smoke  = ["repo:${var.github.repository}:environment:${var.github.environment}"]
    plan   = ["repo:${var.github.repository}:environment:${var.github.environment}"]
  }

  github_roles = var.github == null ? toset([]) : toset(concat(["smoke", "plan"], length(var.github.repository_arns) > 0 ? ["images"] : []))

  github_statements = {
    images = [
      { Sid = "LogIn", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = "*" },
      {
        Sid    = "PushAndRead"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages", "ecr:DescribeImageScanFindings",
          "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
          "ecr:BatchDeleteImage", # images of closed pull requests
        ]
        Resource = try(var.github.repository_arns, [])
      },
    ]
    smoke = concat([
      { Sid = "FindTheCluster", Effect = "Allow", Action = ["eks:DescribeCluster"], Resource = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.cluster_name}" },
      { Sid = "ReadTheFacts", Effect = "Allow", Action = ["ssm:GetParameter"], Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${var.name}/*" },
      ], [for statement in [
        { Sid = "ReadTheTokens", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = try(var.github.smoke_secret.arn, "") },
        {
          Sid      = "DecryptThem"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = try(var.github.smoke_secret.kms_key_arn, "")
          Condition = { StringEquals = {
            "kms:ViaService"                  = "secretsmanager.${local.region}.amazonaws.com"
            "kms:EncryptionContext:SecretARN" = try(var.github.smoke_secret.arn, "")
          } }
        },
    ] : statement if try(var.github.smoke_secret, null) != null])
    # Beside the managed policy ReadOnlyAccess, which reads data as well: that is taken back.
    plan = concat(
      [{
        Sid      = "NoSecretsNoLogs"
        Effect   = "Deny"
        Action   = ["secretsmanager:GetSecretValue", "ssm:GetParameterHistory", "logs:GetLogEvents", "logs:FilterLogEvents", "logs:StartQuery", "ecr:BatchGetImage"]
        Resource = "*"
      }],
      [merge(
        { Sid = "NoObjects", Effect = "Deny", Action = ["s3:GetObject", "s3:GetObjectVersion"] },
        # Of all objects, only the state may be read.
        { for argument, value in { Resource = "*", NotResource = "${try(coalesce(var.github.state_bucket_arn), "-")}/*" } : argument => value if(argument == "NotResource") == (try(var.github.state_bucket_arn, null) != null) },
      )],
    )
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = try(var.github.create_provider, false) ? 1 : 0

  url            = "https://${local.github_host}"
  client_id_list = ["sts.amazonaws.com"]

  tags = var.tags
}

resource "aws_iam_role" "github" {
  for_each = local.github_roles

  name                 = "${var.name}-github-${each.key}"
  description          = "GitHub Actions of ${var.github.repository}: ${each.key}"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "GitHubActions"
      Effect    = "Allow"
      Principal = { Federated = local.github_provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.github_host}:aud" = "sts.amazonaws.com"
        "${local.github_host}:sub" = local.github_subjects[each.key]
      } }
    }]
  })

  tags = var.tags

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "github" {
  for_each = local.github_roles

  name   = "what-${each.key}-does"
  role   = aws_iam_role.github[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.github_statements[each.key] })
}

resource "aws_iam_role_policy_attachment" "github_plan" {
  for_each = setintersection(local.github_roles, ["plan"])

  role       = aws_iam_role.github[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/ReadOnlyAccess"
}
