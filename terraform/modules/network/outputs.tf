output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "IPv4 range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Subnets of the load balancers, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Subnets of the nodes, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "database_subnet_ids" {
  description = "Subnets of PostgreSQL and Kafka, in the order of the zones."
  value       = [for zone in var.availability_zones : aws_subnet.database[zone].id]
}

output "security_group_ids" {
  description = "Security groups by role: load_balancer, control_plane, nodes, database, kafka, endpoints."
  value       = { for name, group in aws_security_group.this : name => group.id }
}

output "nat_public_ips" {
  description = "Addresses from which the cluster reaches the internet; what third parties put on their allow-lists."
  value       = [for eip in aws_eip.nat : eip.public_ip]
}
