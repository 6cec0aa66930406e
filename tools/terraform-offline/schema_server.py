#!/usr/bin/env python3
"""Serves provider schemas to Terraform over plugin protocol 6, so that validate and test need no provider binary.

usage: schema_server.py REATTACH_OUT.json NAME=SCHEMA.json[:nested] ...
Writes the value for TF_REATTACH_PROVIDERS to REATTACH_OUT.json and serves until it is ended. `:nested` marks a provider built on
the plugin framework, whose blocks are nested attributes (helm >= 3, tls >= 4).
"""
import json
import os
import sys
import threading
from concurrent import futures

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as service

Nested, Object = pb.Schema.NestedBlock, pb.Schema.Object


def is_dynamic(type_):
    if type_ == 'dynamic':
        return True
    return isinstance(type_, list) and any(map(is_dynamic, type_[1].values() if isinstance(type_[1], dict) else [type_[1]]))


def is_unusable(block, in_set=False):
    """Terraform refuses dynamic types inside sets."""
    return any(in_set and is_dynamic(a['type']) for a in block['attributes'].values()) or any(
        is_unusable(n['block'], in_set or n['nesting_mode'] == 'set') for n in block['block_types'].values())


def attributes(block):
    return [pb.Schema.Attribute(
        name=name, type=json.dumps(a['type']).encode(), required=a.get('required', False),
        optional=a.get('optional', False) or not (a.get('required') or a.get('computed')), computed=a.get('computed', False),
    ) for name, a in block['attributes'].items()]


def nested_attributes(block):
    return attributes(block) + [pb.Schema.Attribute(
        name=name, optional=not n['min_items'], required=bool(n['min_items']),
        nested_type=Object(attributes=nested_attributes(n['block']), nesting=getattr(Object, n['nesting_mode'].upper())),
    ) for name, n in block['block_types'].items()]


def to_block(block, nested):
    if nested:
        return pb.Schema.Block(attributes=nested_attributes(block))
    return pb.Schema.Block(attributes=attributes(block), block_types=[Nested(
        type_name=name, block=to_block(n['block'], nested), nesting=getattr(Nested, n['nesting_mode'].upper()),
        min_items=n['min_items'] if n['nesting_mode'] in ('list', 'set') else 0,
    ) for name, n in block['block_types'].items()])


class Provider(service.ProviderServicer):
    def __init__(self, path, nested):
        with open(path) as handle:
            schema = json.load(handle)
        empty = dict(attributes={}, block_types={})
        self.schema = pb.GetProviderSchema.Response(
            provider=pb.Schema(version=0, block=to_block(next(iter(schema['provider'].values()), empty), nested)),
            resource_schemas={k: pb.Schema(version=0, block=to_block(v, nested)) for k, v in schema['resources'].items() if not is_unusable(v)},
            data_source_schemas={k: pb.Schema(version=0, block=to_block(v, nested)) for k, v in schema['data'].items() if not is_unusable(v)})

    def GetProviderSchema(self, request, context):
        return self.schema

    def GetMetadata(self, request, context):
        return pb.GetMetadata.Response(
            resources=[pb.GetMetadata.ResourceMetadata(type_name=k) for k in self.schema.resource_schemas],
            data_sources=[pb.GetMetadata.DataSourceMetadata(type_name=k) for k in self.schema.data_source_schemas])

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request, context):
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()

    def UpgradeResourceState(self, request, context):
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request, context):
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):
        return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state)


def main(out, specs):
    reattach, servers = {}, []
    for spec in specs:
        name, path = spec.split('=', 1)
        nested = path.endswith(':nested')
        server = grpc.server(futures.ThreadPoolExecutor(8), options=[('grpc.max_send_message_length', -1)])
        service.add_ProviderServicer_to_server(Provider(path.removesuffix(':nested'), nested), server)
        port = server.add_insecure_port('127.0.0.1:0')
        server.start()
        servers.append(server)
        reattach[f'registry.terraform.io/hashicorp/{name}'] = {
            'Protocol': 'grpc', 'ProtocolVersion': 6, 'Pid': os.getpid(), 'Test': True,
            'Addr': {'Network': 'tcp', 'String': f'127.0.0.1:{port}'}}
    with open(out + '.tmp', 'w') as handle:
        json.dump(reattach, handle)
    os.replace(out + '.tmp', out)
    threading.Event().wait()


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
