# Three zones, and in each a part for the balancer, one for the cluster's nodes and one for data.
data "aws_availability_zones" "here" {
  state = "available"
}

locals {
  zones = slice(data.aws_availability_zones.here.names, 0, 3)
  # 10.0.0.0/20 is for the balancer, 10.0.16.0/20 to 10.0.47.255 for nodes and pods, 10.0.48.0/20 for data.
  public_cidrs = [for zone in range(3) : cidrsubnet(cidrsubnet(var.cidr, 4, 0), 4, zone)]
  node_cidrs   = [for zone in range(3) : cidrsubnet(cidrsubnet(var.cidr, 3, 1), 2, zone)]
  data_cidrs   = [for zone in range(3) : cidrsubnet(cidrsubnet(var.cidr, 4, 3), 4, zone)]
  services     = toset(["user", "order", "product", "delivery", "orchestrator"])
  participants = toset(["order", "product", "delivery", "orchestrator"])
}

resource "aws_vpc" "shop" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# Nobody means to use it: with no rules it lets nothing through.
resource "aws_default_security_group" "unused" {
  vpc_id = aws_vpc.shop.id
}

resource "aws_internet_gateway" "shop" {
  vpc_id = aws_vpc.shop.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  count             = 3
  vpc_id            = aws_vpc.shop.id
  availability_zone = local.zones[count.index]
  cidr_block        = local.public_cidrs[count.index]
  tags              = { Name = "${var.name}-public-${count.index}", "kubernetes.io/role/elb" = "1" }
}

resource "aws_subnet" "nodes" {
  count             = 3
  vpc_id            = aws_vpc.shop.id
  availability_zone = local.zones[count.index]
  cidr_block        = local.node_cidrs[count.index]
  tags              = { Name = "${var.name}-nodes-${count.index}" }
}

resource "aws_subnet" "data" {
  count             = 3
  vpc_id            = aws_vpc.shop.id
  availability_zone = local.zones[count.index]
  cidr_block        = local.data_cidrs[count.index]
  tags              = { Name = "${var.name}-data-${count.index}" }
}

# One way out per zone, so that the loss of a zone takes no other's with it. Data has no way out at all.
resource "aws_eip" "nat" {
  count  = 3
  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${count.index}" }
}

resource "aws_nat_gateway" "zone" {
  count         = 3
  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = "${var.name}-${count.index}" }
  depends_on    = [aws_internet_gateway.shop]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.shop.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.shop.id
  }
  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table" "nodes" {
  count  = 3
  vpc_id = aws_vpc.shop.id
  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.zone[count.index].id
  }
  tags = { Name = "${var.name}-nodes-${count.index}" }
}

resource "aws_route_table" "data" {
  vpc_id = aws_vpc.shop.id
  tags   = { Name = "${var.name}-data" }
}

resource "aws_route_table_association" "public" {
  count          = 3
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "nodes" {
  count          = 3
  subnet_id      = aws_subnet.nodes[count.index].id
  route_table_id = aws_route_table.nodes[count.index].id
}

resource "aws_route_table_association" "data" {
  count          = 3
  subnet_id      = aws_subnet.data[count.index].id
  route_table_id = aws_route_table.data.id
}
