from congress.dse2.dse_node import DseNode; import congress.server.congress_server; DseNode.load_drivers()
