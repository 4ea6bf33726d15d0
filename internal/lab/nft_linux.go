package lab

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// trackConnections switches connection tracking on for IPv4 in the namespace of
// the calling thread: the kernel tracks nothing before a rule asks for it
// (net/netfilter/nft_ct.c nft_ct_get_init calls nf_ct_netns_get, v6.18). One
// rule that loads the state of a connection, in a chain that nothing passes, is
// enough, and leaves every packet alone.
func trackConnections() error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	const table, chain = "lab", "watch"
	message := func(kind int, flags netlink.HeaderFlags, attrs func(*netlink.AttributeEncoder)) (netlink.Message, error) {
		ae := netlink.NewAttributeEncoder()
		ae.ByteOrder = binary.BigEndian
		attrs(ae)
		body, err := ae.Encode()
		// struct nfgenmsg: family, version 0, resource id.
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | netlink.Acknowledge | flags},
			Data:   append([]byte{unix.AF_INET, 0, 0, 0}, body...),
		}, err
	}
	newTable, err := message(unix.NFT_MSG_NEWTABLE, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, table)
	})
	if err != nil {
		return err
	}
	newChain, err := message(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_CHAIN_TABLE, table)
		ae.String(unix.NFTA_CHAIN_NAME, chain)
	})
	if err != nil {
		return err
	}
	newRule, err := message(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, table)
		ae.String(unix.NFTA_RULE_CHAIN, chain)
		ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(list *netlink.AttributeEncoder) error {
			list.Nested(unix.NFTA_LIST_ELEM, func(expr *netlink.AttributeEncoder) error {
				expr.String(unix.NFTA_EXPR_NAME, "ct")
				expr.Nested(unix.NFTA_EXPR_DATA, func(data *netlink.AttributeEncoder) error {
					data.Uint32(unix.NFTA_CT_KEY, unix.NFT_CT_STATE)
					data.Uint32(unix.NFTA_CT_DREG, unix.NFT_REG_1)
					return nil
				})
				return nil
			})
			return nil
		})
	})
	if err != nil {
		return err
	}
	// nf_tables takes its changes in a batch, all or nothing.
	batch := func(kind netlink.HeaderType) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request},
			Data:   []byte{unix.AF_UNSPEC, 0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	changes := []netlink.Message{newTable, newChain, newRule}
	_, err = c.SendMessages(append(append([]netlink.Message{batch(unix.NFNL_MSG_BATCH_BEGIN)}, changes...), batch(unix.NFNL_MSG_BATCH_END)))
	if err != nil {
		return err
	}
	for acks := 0; acks < len(changes); {
		replies, err := c.Receive()
		if err != nil {
			return err
		}
		acks += len(replies)
	}
	return nil
}
